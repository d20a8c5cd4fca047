"""No token occurs anywhere that outlives, or is seen outside, a run."""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rsp_sandbox import Scenario

from ..support.service import Service, serve

FAST = Scenario(speed=20, appear_after=0.1)


def _fail_run(service: Service) -> None:
    service.box.faults.when("POST", r"/releases$", "unauthorized")


def _fail_push(service: Service) -> None:
    hook = service.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\necho 'no {service.box.token} here' >&2\nexit 1\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)


def _break_answers(service: Service) -> None:
    service.box.faults.when("*", r"/api/", "malformed_json", times=None)


def _reset(service: Service) -> None:
    service.box.faults.when("*", r"git-receive-pack", "reset_before")


def _succeed(service: Service) -> None:
    pass


@pytest.mark.parametrize(
    "prepare", [_succeed, _fail_run, _fail_push, _break_answers, _reset]
)
def test_token_is_nowhere(
    prepare: Callable[[Service], None], tmp_path: Path
) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        in_url = service.box.token
        in_environ = service.box.add_token()
        assert in_url != in_environ
        assert in_url in service.git("config", "remote.origin.url")
        config = service.clone / ".git" / "config"
        before = config.read_bytes()
        prepare(service)
        seen = _Processes()
        with seen:
            result = service.run(
                "-v", "bump", "minor", "--yes", GITHUB_TOKEN=in_environ,
                timeout=120,
            )  # fmt: skip
            service.run("status", "--json", GITHUB_TOKEN=in_environ)
        if prepare is not _succeed:
            assert result.returncode != 0 or prepare is _reset
        assert "git-remote-http" in seen.text or "git push" in seen.text
        journals = service.clone / ".git" / "rsp-release"
        places = {
            "stdout": result.stdout,
            "stderr": result.stderr,
            "ps": seen.text,
            "journal": "".join(
                p.read_text(encoding="utf-8")
                for p in journals.rglob("*")
                if p.is_file()
            ),
        }
        assert places["journal"]
        for token in (in_url, in_environ):
            forms = [token]
            for user in ("x", "x-access-token"):
                pair = f"{user}:{token}".encode()
                forms.append(base64.b64encode(pair).decode())
            for place, text in places.items():
                for form in forms:
                    assert form not in text, place
        assert config.read_bytes() == before
        home = Path(service.environ["HOME"])
        for path in home.rglob("*"):
            if path.is_file():
                assert in_environ.encode() not in path.read_bytes(), path


class _Processes:
    """Collects the arguments of every process while it is entered."""

    def __init__(self) -> None:
        self.text = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        seen = set()
        while not self._stop.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    data = path.read_bytes()
                except OSError:
                    continue
                seen.add(data.replace(b"\0", b" ").decode(errors="replace"))
        self.text = "\n".join(sorted(seen))


def test_processes_are_seen() -> None:
    """The test above would notice a token in a process's arguments."""
    seen = _Processes()
    with seen:
        subprocess.run(["sleep", "0.2"], check=True)
    assert "sleep 0.2" in seen.text

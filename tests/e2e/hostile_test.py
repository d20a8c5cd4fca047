"""Hostile strings from end to end: from where others write them, to a job.

Every string is the subject of a commit, the words of a fragment, an author,
and a line of a failing job's log, where git and the files can hold it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rsp_release.cli.app import main
from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.service import TAG, Service, serve
from ..views.hostile import commands, hostile_texts, outputs_read

BATCH = 110
TEXTS = [text for _, text in hostile_texts() if len(text) < 2000]
OUTPUTS = {
    "released", "version", "tag", "release-url", "run-url", "images",
    "outcome",
}  # fmt: skip


def _scenario(texts: list[str]) -> Scenario:
    return Scenario.read(
        {
            "speed": 20,
            "appear_after": 0.1,
            "workflows": [
                {
                    "path": ".github/workflows/ci.yaml",
                    "name": "CI",
                    "on": {"release": {"types": ["published"]}},
                    "jobs": [
                        {
                            "name": f"test {texts[0][:50]}",
                            "steps": [{"name": f"run {texts[-1][:50]}"}],
                            "conclusions": ["failure"],
                            "failing_step": f"run {texts[-1][:50]}",
                            "log": "\n".join(texts),
                        }
                    ],
                }
            ],
        }
    )


def _import(service: Service, texts: list[str]) -> None:
    """Commit once for every text, with it as subject, author and fragment."""
    head = service.git("rev-parse", "HEAD").strip()
    stream: list[bytes] = []
    for number, text in enumerate(texts):
        clean = text.replace("\0", "").encode(errors="replace")
        author = re.sub(rb"[<>\n]", b"", clean)[:200].strip() or b"x"
        fragment = b"### New features\n\n- " + clean + b"\n"
        subject = clean + b"\n"
        stream += [
            b"commit refs/heads/main\n",
            b"author %b <a@example.org> 1750000000 +0000\n" % author,
            b"committer C <c@example.org> 1750000000 +0000\n",
            b"data %d\n%b\n" % (len(subject), subject),
            b"from %b\n" % head.encode() if not number else b"",
            b"M 100644 inline changelog.d/20260101_%06d.md\n" % number,
            b"data %d\n%b\n" % (len(fragment), fragment),
        ]
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"],
        cwd=service.clone,
        env=service.environ,
        input=b"".join(stream),
        check=True,
        capture_output=True,
    )
    service.git("reset", "--quiet", "--hard", "main")
    service.git("push", "--quiet", "origin", "main")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _assert_harmless(told: str) -> None:
    left = re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)
    assert not left, left


def _assert_tables(summary: str) -> None:
    """Assert that no cell, tag, picture or foreign link was added."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(summary)
    cells: list[int] = []
    for token in tokens:
        assert token.type not in {"html_block", "fence"}, token.content
        if token.type == "tr_open":
            cells.append(0)
        elif token.type in {"td_open", "th_open"}:
            cells[-1] += 1
        for child in token.children or []:
            assert child.type not in {"html_inline", "image"}, child.content
            if child.type == "link_open":
                href = str(child.attrs["href"])
                assert href.startswith("http://127.0.0.1:"), href
    # The parser drops surplus cells, so lines are counted as well.
    assert set(cells) == {4}
    assert sum(token.type == "table_open" for token in tokens) in {1, 2}
    for line in summary.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5, line


@pytest.mark.parametrize("batch", range(-(-len(TEXTS) // BATCH)))
def test_hostile_repository(batch: int, tmp_path: Path) -> None:
    texts = TEXTS[batch * BATCH : (batch + 1) * BATCH]
    output, summary = tmp_path / "output", tmp_path / "summary"
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    with serve(tmp_path / "service", scenario=_scenario(texts)) as service:
        _import(service, texts)

        service.environ |= job
        why = service.run("next", "minor", "--why")
        assert why.returncode == 0, why.stderr
        assert set(commands(why.stdout + why.stderr)) <= {"warning"}
        _assert_harmless(why.stdout + why.stderr)
        assert set(outputs_read(output.read_text("utf-8"))) <= OUTPUTS
        output.unlink()

        document = service.run("next", "minor", "--json")
        output.unlink()
        for text in _strings(json.loads(document.stdout)):
            _assert_harmless(text)

        # Fragments may be empty: insist.
        result = service.run("bump", "minor", "--yes", "--force")
        told = _without_mask(result.stdout + result.stderr, service)
        assert result.returncode == 5, told[-2000:]
        assert set(commands(told)) <= {"group", "endgroup", "error"}
        assert commands(told).count("error") == 1
        _assert_harmless(told)
        values = outputs_read(output.read_text("utf-8"))
        assert set(values) == OUTPUTS
        assert (values["released"], values["tag"]) == ("false", TAG)
        written = summary.read_text("utf-8")
        _assert_harmless(written)
        _assert_tables(written)


def _without_mask(told: str, service: Service) -> str:
    """Take away the commands that are meant, and must be there."""
    for token in (service.box.token, service.box.argocd.token):
        command = f"::add-mask::{token}\n"
        assert told.count(command) == 1
        told = told.replace(command, "")
    return told


@dataclass(frozen=True)
class Told:
    """What a command left, in this process."""

    status: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    summary: str


Run = Callable[..., Told]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    scenario = Scenario(speed=20, appear_after=0.1)
    with serve(tmp_path / "service", scenario=scenario) as service:
        yield service


@pytest.fixture
def run(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run commands in this process, as a job's."""
    files = {
        "GITHUB_OUTPUT": tmp_path / "output",
        "GITHUB_STEP_SUMMARY": tmp_path / "summary",
    }
    # All the strings need more requests than GitHub grants in an hour.
    service.box.token = service.box.add_token(limit=1_000_000)
    environ = {
        **service.environ,
        "GITHUB_ACTIONS": "true",
        "GITHUB_TOKEN": service.box.token,
    }
    environ |= {name: str(path) for name, path in files.items()}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(service.clone)
    output, summary = files.values()

    def run(*args: str) -> Told:
        for path in files.values():
            path.write_text("", encoding="utf-8")
        capsys.readouterr()
        status = main([*args])
        said = capsys.readouterr()
        return Told(
            status=status,
            stdout=said.out,
            stderr=_without_mask(said.err, service),
            outputs=outputs_read(output.read_text("utf-8")),
            summary=summary.read_text("utf-8"),
        )

    return run


def _assert_told_safely(told: Told, expected: set[str]) -> None:
    whole = told.stdout + told.stderr
    assert set(commands(whole)) <= expected, whole
    _assert_harmless(whole)
    assert set(told.outputs) == OUTPUTS
    assert told.outputs["released"] == "false"
    _assert_harmless(told.summary)
    _assert_tables(told.summary)


def _branches(service: Service, texts: list[str]) -> list[str]:
    """Make a branch of every string that git takes for a name."""
    head = service.git("rev-parse", "HEAD").strip()
    taken = []
    for text in texts:
        # git itself refuses control characters, and these it may not.
        seen = "".join(c for c in text if c >= " " and c != "\x7f")
        name = re.sub(r"[ ~^:?*\[\\]|\.\.|@\{|//|^[-/.]+", "-", seen)
        ref = f"refs/heads/u/{name[:80]}"
        done = subprocess.run(
            ["git", "update-ref", "--stdin"], cwd=service.clone, check=False,
            input=f"update {ref} {head}\n".encode(errors="replace"),
            env=service.environ, capture_output=True,
        )  # fmt: skip
        if done.returncode == 0:
            taken.append(ref)
    return list(dict.fromkeys(taken))


def test_hostile_branches(service: Service, run: Run) -> None:
    texts = TEXTS[:: choose_size(1, 40)]
    branches = _branches(service, texts)
    assert len(branches) > len(texts) / 2
    for ref in branches:
        head = service.clone / ".git" / "HEAD"
        head.write_text(f"ref: {ref}\n", encoding="utf-8")
        told = run("bump", "minor", "--yes")
        assert told.status == 3, told
        assert commands(told.stdout + told.stderr) == ["error"], ref
        _assert_told_safely(told, {"error"})


def test_hostile_registry(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry's refusal, in every hostile string's words."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    answered: list[str] = []
    says = [""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answered.append(says[0])
            error = dict.fromkeys(("code", "message", "detail"), says[0])
            body = json.dumps({"errors": [error]}).encode()
            self.send_response(403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(  # type: ignore[explicit-override]
            self, *_: object
        ) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert run("bump", "minor", "--yes", "--no-watch").status == 0
            monkeypatch.setenv(
                "RSP_RELEASE_REGISTRY_MIRROR",
                f"127.0.0.1:{server.server_port}",
            )
            texts = [text for _, text in hostile_texts()]
            for text in texts[:: choose_size(1, 70)]:
                says[0] = text[:4000]
                told = run("verify", TAG)
                assert told.status != 0, told
                _assert_told_safely(told, {"error", "group", "endgroup"})
                assert says[0] in answered
                document = run("verify", TAG, "--json")
                for line in document.stdout.splitlines():
                    for each in _strings(json.loads(line)):
                        _assert_harmless(each)
                assert not commands(document.stdout + document.stderr)
        finally:
            server.shutdown()
            thread.join()

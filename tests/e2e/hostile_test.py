"""Hostile strings from end to end: from where others write them, to a job.

Every string is the subject of a commit, the words of a fragment, an author,
and a line of a failing job's log, where git and the files can hold it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsp_release.sandbox import Scenario

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

        result = service.run("bump", "minor", "--yes")
        told = result.stdout + result.stderr
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


def test_hostile_branch(tmp_path: Path) -> None:
    names = ["::error::x", "$(id)`id`;id", "a|b|c", "@octo/#1", "a\u202eb"]
    with serve(tmp_path) as service:
        for name in names:
            if subprocess.run(
                ["git", "check-ref-format", "--branch", name], check=False,
                capture_output=True,
            ).returncode:  # fmt: skip
                continue
            service.git("checkout", "--quiet", "-b", name, "main")
            summary = tmp_path / "summary"
            summary.unlink(missing_ok=True)
            result = service.run(
                "bump", "minor", "--yes", GITHUB_ACTIONS="true",
                GITHUB_STEP_SUMMARY=str(summary),
            )  # fmt: skip
            assert result.returncode == 3
            told = result.stdout + result.stderr
            assert commands(told) == ["error"]
            _assert_harmless(told)
            _assert_tables(summary.read_text("utf-8"))


def test_hostile_registry(tmp_path: Path) -> None:
    """A registry's error, in words of every family."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    families = dict(reversed(hostile_texts()))
    told_by_registry = [text[:4000] for text in families.values()]

    class Handler(BaseHTTPRequestHandler):
        number = 0

        def do_GET(self) -> None:
            text = told_by_registry[Handler.number % len(told_by_registry)]
            Handler.number += 1
            error = {"code": text, "message": text, "detail": text}
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
            fast = Scenario(speed=20, appear_after=0.1)
            with serve(tmp_path / "service", scenario=fast) as service:
                result = service.run("bump", "minor", "--yes", "--no-watch")
                assert result.returncode == 0, result.stdout
                mirror = f"http://127.0.0.1:{server.server_port}"
                for _ in told_by_registry:
                    summary = tmp_path / "summary"
                    summary.unlink(missing_ok=True)
                    result = service.run(
                        "verify", TAG, GITHUB_ACTIONS="true",
                        GITHUB_STEP_SUMMARY=str(summary),
                        RSP_RELEASE_REGISTRY_MIRROR=mirror.removeprefix(
                            "http://"
                        ),
                    )  # fmt: skip
                    told = result.stdout + result.stderr
                    assert result.returncode != 0, told
                    assert set(commands(told)) <= {
                        "error", "group", "endgroup",
                    }  # fmt: skip
                    _assert_harmless(told)
                    _assert_tables(summary.read_text("utf-8"))
        finally:
            server.shutdown()
            thread.join()
    assert Handler.number

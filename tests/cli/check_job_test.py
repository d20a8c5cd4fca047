"""What ``check`` tells a job."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rsp_release.checks import CHECKS, Report
from rsp_release.checks.base import ok, problem, unknown, warning
from rsp_release.cli.app import main
from rsp_release.cli.check import _Json
from rsp_release.cli.check_job import annotate, conclude
from rsp_release.config import load_config
from rsp_release.exceptions import ExitStatus

from ..support.service import serve
from ..views.hostile import commands, hostile_texts, outputs_read

[FRAGMENTS] = [check for check in CHECKS if check.key == "fragments"]
OTHER = CHECKS[0]


def test_each_fragment_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("\n### Nothing\n\n-\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("words\n", encoding="utf-8")
    finding = problem(
        "a.md: nothing is under 'Nothing'; b.md: its text is under no"
        " category; c.md: there is nothing in it; and 1 more",
        "mend it, and commit it",
    )
    told = list(annotate(Report(check=FRAGMENTS, finding=finding), tmp_path))
    assert [line.partition("::a")[0].split("::")[1] for line in told] == [
        "error title=fragments well-formed,file=a.md,line=2",
        "error title=fragments well-formed,file=b.md,line=1",
        # That one is not there.
        "error title=fragments well-formed",
        "error title=fragments well-formed",
    ]
    assert "nothing is under 'Nothing'%0Amend it" in told[0]


def test_only_what_is_wrong_is_annotated(tmp_path: Path) -> None:
    for finding, expected in (
        (ok("well"), []),
        (unknown("not asked"), []),
        (warning("old"), ["warning"]),
        (problem("no", "do"), ["error"]),
    ):
        report = Report(check=OTHER, finding=finding)
        told = "\n".join(annotate(report, tmp_path))
        assert commands(told) == expected


def test_hostile_findings(tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    summary = tmp_path / "summary"
    for _, text in hostile_texts():
        report = Report(check=OTHER, finding=problem(text, text))
        told = "\n".join(annotate(report, tmp_path))
        assert commands(told) == ["error"], text[:100]
        summary.unlink(missing_ok=True)
        environ = {"GITHUB_STEP_SUMMARY": str(summary)}
        conclude([report], ExitStatus.BLOCKED, environ)
        written = summary.read_text("utf-8")
        parser = MarkdownIt("commonmark", {"html": True}).enable("table")
        kinds = [token.type for token in parser.parse(written)]
        assert kinds.count("td_open") == 4, text[:100]
        assert "html_block" not in kinds


def test_files_of_the_settings_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".rsp-release.toml").write_text(
        '[[files]]\npath = "package.json"\nkey = "version"\n'
    )
    config = load_config(tmp_path)
    view = _Json(sys.stdout)
    view.show_settings([("files", config.files, "a file")])
    view.conclude([], ExitStatus.OK)
    [told] = json.loads(capsys.readouterr().out)["settings"]
    assert told["value"] == [{"path": "package.json", "key": "version"}]


def test_command_as_a_job(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    with serve(tmp_path / "service") as service:
        path = service.clone / "changelog.d" / "20990101_x.md"
        path.write_text("### New features\n\n-\n", encoding="utf-8")
        service.git("add", ".")
        service.git("commit", "--quiet", "-m", "docs: a fragment")
        for name, value in {
            **service.environ,
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        }.items():
            monkeypatch.setenv(name, value)
        status = main(["-C", str(service.clone), "check", "--offline"])
        token = service.box.token
    said = capsys.readouterr()
    assert status == 0, said.out
    assert f"::add-mask::{token}\n" in said.err
    where = "file=changelog.d/20990101_x.md,line=1"
    assert f"::warning title=fragments well-formed,{where}::" in said.err
    assert outputs_read(output.read_text("utf-8")) == {
        "released": "false", "outcome": "ready",
    }  # fmt: skip
    assert "| ⚠️ | fragments well\\-formed |" in summary.read_text("utf-8")

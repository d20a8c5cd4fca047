from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jsonschema
import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.models import Event, NextVersion, Reason, Result
from rsp_release.views import Kind, View, choose_kind, make_view
from rsp_release.views.actions import ActionsView, annotation, mask, outputs
from rsp_release.views.checklist import ChecklistView
from rsp_release.views.json import SCHEMAS, dumps, next_document, schema
from rsp_release.views.lines import LinesView
from tests.support.campaigns import choose_size
from tests.support.picture import export_svg

from .hostile import commands, hostile_texts, outputs_read, poisoned
from .screen import OWN_SEQUENCE, Screen
from .streams import START, STEPS, STREAMS, TITLE, at, failing, released

SIZE = {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"}
OWN_STYLES = re.compile(r"[012]|(1;)?3[12356]")
KINDS: tuple[Kind, ...] = ("checklist", "lines", "json", "actions")


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:  # type: ignore[explicit-override]
        return True


def show(view: View, events: Iterator[Event]) -> None:
    with view:
        for event in events:
            view.show(event)
            if isinstance(view, ChecklistView):
                view.tick()


def checklist(stdout: io.StringIO, **environ: str) -> ChecklistView:
    return ChecklistView(
        title=TITLE,
        steps=STEPS,
        stdout=stdout,
        environ=SIZE | environ,
        now=lambda: START,
        no_color=False,
        is_animated=False,
    )


def shown(
    kind: Kind, events: Iterator[Event], environ: dict[str, str] | None = None
) -> tuple[str, str]:
    """Return what a view writes to both outputs."""
    stdout, stderr = io.StringIO(), io.StringIO()
    view: View
    match kind:
        case "checklist":
            view = checklist(stdout)
        case "lines":
            view = LinesView(
                steps=STEPS, stdout=stdout, now=lambda: START, timezone=UTC
            )
        case "actions":
            view = ActionsView(
                title=TITLE,
                steps=STEPS,
                stdout=stdout,
                environ=environ or {},
                now=lambda: START,
            )
        case "json":
            view = make_view(
                kind="json",
                title=TITLE,
                steps=STEPS,
                stdout=stdout,
                stderr=stderr,
                environ={},
                now=lambda: START,
            )
    numbers = map(str, count())
    with patch("secrets.token_hex", numbers.__next__):
        show(view, events)
    return stdout.getvalue(), stderr.getvalue()


# -- Goldens ----------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(STREAMS))
@pytest.mark.parametrize("kind", KINDS)
def test_golden(
    kind: Kind,
    name: str,
    golden: Callable[[str, str], None],
    tmp_path: Path,
) -> None:
    environ = {
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    stdout, stderr = shown(kind, STREAMS[name](), environ)
    if kind == "checklist":
        screen = Screen(80, 24)
        screen.write(stdout)
        stdout = screen.text + "\n"
    golden(f"{name}.{kind}.txt", stdout)
    if kind == "json":
        golden(f"{name}.json.stderr.txt", stderr)
    else:
        assert stderr == ""
    if kind == "actions":
        for file in ("output", "summary"):
            text = (tmp_path / file).read_text(encoding="utf-8")
            golden(f"{name}.actions.{file}.txt", text)


def test_live_golden(golden: Callable[[str, str], None]) -> None:
    stdout = io.StringIO()
    view = checklist(stdout)
    screen = Screen(80, 24)
    pictures = []
    with view:
        for event in released():
            view._now = lambda at=event.at: at  # type: ignore[misc]
            view.show(event)
            screen.write(stdout.getvalue())
            stdout.truncate(0)
            stdout.seek(0)
            pictures.append(screen.text)
    golden("released.live.txt", "\n~~~~\n".join(pictures) + "\n")


# -- Checklist --------------------------------------------------------------


def test_nothing_is_left_of_the_pictures() -> None:
    stdout, _ = shown("checklist", released())
    screen = Screen(80, 24)
    screen.write("$ rsp-release bump\n" + stdout)
    assert screen.text.count("Workflow run") == 1
    assert screen.text.startswith("$ rsp-release bump\n")
    assert screen.text.count("✓ Released 12.1.0 in 2m 58s") == 1
    assert screen.column == 0


def test_an_unchanged_picture_writes_nothing() -> None:
    stdout = io.StringIO()
    with checklist(stdout) as view:
        for event in released():
            if not isinstance(event, Result):
                view.show(event)
        # The last step is over, so that nothing spins.
        before = len(stdout.getvalue())
        view.tick()
        assert len(stdout.getvalue()) == before


def test_a_spinner_writes_little() -> None:
    stdout = io.StringIO()
    with checklist(stdout) as view:
        before = len(stdout.getvalue())
        view.tick()
        assert 0 < len(stdout.getvalue()) - before < 200


@pytest.mark.parametrize("columns", [30, 50, 79, 81, 120])
@pytest.mark.parametrize("rows", [10, 24, 40])
def test_resized(columns: int, rows: int) -> None:
    stdout = io.StringIO()
    view = checklist(stdout)
    environ = dict(SIZE)
    view._environ = environ
    screen = Screen(80, 24)
    screen.write("$ rsp-release bump\n")
    with view:
        for number, event in enumerate(released()):
            if number == 14:
                environ["COLUMNS"], environ["LINES"] = str(columns), str(rows)
                screen.resize(columns, rows)
            if isinstance(event, Result):
                break
            view.show(event)
            screen.write(stdout.getvalue())
            stdout.truncate(0)
            stdout.seek(0)
            # What was pushed off the top cannot be taken back.
            seen = "\n".join(screen.visible)
            assert len(re.findall("Images?\\b", seen)) == 1, seen
            if columns >= 50 and rows >= 24:
                assert screen.text.startswith("$ rsp-release bump\n")
                for title in ("Preflight", "Workflow run", "gafaelfawr 12"):
                    assert screen.text.count(title) == 1, screen.text


def test_interrupted_leaves_the_list() -> None:
    stdout = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        with checklist(stdout) as view:
            for number, event in enumerate(released()):
                view.show(event)
                if number == 12:
                    raise KeyboardInterrupt
    screen = Screen(80, 24)
    screen.write(stdout.getvalue())
    assert "◌ Workflow run" in screen.text
    assert screen.text.count("Workflow run") == 1
    assert screen.wraps
    assert screen.is_cursor_visible


def test_no_color() -> None:
    stdout = io.StringIO()
    show(checklist(stdout, NO_COLOR="1"), failing())
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", stdout.getvalue()))
    assert codes <= {"0", "1", "2"}
    coloured, _ = shown("checklist", failing())
    assert "\x1b[1;31m" in coloured
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", coloured))
    colours = {c for code in codes for c in code.split(";")} - {"0", "1", "2"}
    # Neither black nor white, and no background.
    assert colours <= {"31", "32", "33", "34", "35", "36"}


def test_addresses_and_digests_stay_in_one_piece() -> None:
    stdout, _ = shown("checklist", released())
    plain = OWN_SEQUENCE.sub("", stdout).splitlines()
    for piece in (
        "https://github.com/lsst-sqre/gafaelfawr/releases/tag/12.1.0",
        "https://github.com/lsst-sqre/gafaelfawr/actions/runs/17298101442",
        "ghcr.io/lsst-sqre/gafaelfawr@sha256:" + "9f86d081884c7d65" * 4,
    ):
        assert any(line.endswith(piece) for line in plain)


def test_a_passphrase_is_not_painted_over() -> None:
    stdout = io.StringIO()
    with checklist(stdout) as view:
        for number, event in enumerate(released()):
            view.show(event)
            if number == 1:
                before = stdout.getvalue()
                view.tick()
                assert stdout.getvalue() == before
            elif number == 2:
                before = stdout.getvalue()
                view.tick()
                assert stdout.getvalue() != before
                break


# -- Choice -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("stdout", "environ", "as_json", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, False, "checklist"),
        (Terminal(), {"TERM": "dumb"}, False, "lines"),
        (io.StringIO(), {"TERM": "xterm"}, False, "lines"),
        (io.StringIO(), {"GITHUB_ACTIONS": "true"}, False, "actions"),
        (io.StringIO(), {"GITHUB_ACTIONS": "true"}, True, "json"),
        (Terminal(), {"TERM": "xterm"}, True, "json"),
    ],
)
def test_choice(
    stdout: io.StringIO,
    environ: dict[str, str],
    as_json: bool,  # noqa: FBT001
    expected: str,
) -> None:
    kind = choose_kind(stdout=stdout, environ=environ, as_json=as_json)
    assert kind == expected


@pytest.mark.parametrize("kind", ["lines", "json", "actions"])
def test_only_the_checklist_needs_rich(kind: str) -> None:
    code = f"""
import io, sys
from datetime import datetime, UTC
from rsp_release.views import make_view
make_view(kind={kind!r}, title="", steps=(), stdout=io.StringIO(),
          stderr=io.StringIO(), environ={{}}, now=lambda: datetime.now(UTC))
print([name for name in sys.modules if name.split(".")[0] == "rich"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_poor_encoding_is_no_error() -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    for kind in KINDS:
        view = make_view(
            kind=kind,
            title="naïve ✓",
            steps=STEPS,
            stdout=stdout,
            stderr=stdout,
            environ={},
            now=lambda: START,
        )
        show(view, failing())
    view = ChecklistView(
        title="naïve ✓",
        steps=STEPS,
        stdout=stdout,
        environ=SIZE,
        now=lambda: START,
        no_color=True,
        is_animated=False,
    )
    show(view, failing())
    assert raw.getvalue().isascii()
    stdout.detach()


# -- Lines and Actions ------------------------------------------------------


def test_lines_are_told_once() -> None:
    stdout, _ = shown("lines", released())
    lines = stdout.splitlines()
    bodies = [line[10:] for line in lines if line[:2] == "14"]
    assert len(bodies) == len(set(bodies))
    again = [event for event in released() for _ in range(3)]
    assert shown("lines", iter(again[:-2]))[0] == stdout


def test_groups_are_closed() -> None:
    for name, stream in STREAMS.items():
        stdout, _ = shown("actions", stream())
        depth = 0
        for command in commands(stdout):
            depth += {"group": 1, "endgroup": -1}.get(command, 0)
            assert 0 <= depth <= 1, name
        assert depth == 0, name


def test_annotations() -> None:
    assert annotation("error", "a\nb", title="x: y", file="a,b", line=3) == (
        "::error title=x%3A y,file=a%2Cb,line=3::a%0Ab"
    )
    assert annotation("warning", "50%") == "::warning::50%25"


def test_a_group_has_one_line() -> None:
    stdout = io.StringIO()
    steps = [("workflow_run", "100%0A\n::x::")]
    with ActionsView(
        title="", steps=steps, stdout=stdout, environ={}, now=lambda: START
    ) as view:
        view.show(poisoned(list(released())[8], "100%0A\n::x::"))
    assert stdout.getvalue().startswith("::group::100%250A ::x::\n")


def test_masks() -> None:
    assert mask(["one", "two\nlines", "", " "]) == (
        "::add-mask::one\n::add-mask::two\n::add-mask::lines\n"
    )


def test_a_delimiter_is_never_in_its_value() -> None:
    result = Result(
        outcome="released",
        exit_status=ExitStatus.OK,
        at=START,
        version="x\nrsp-release-0\nreleased=false",
    )
    tokens = iter(["9", "0", "1", "2", "3", "4", "5", "6", "7"])
    with patch("secrets.token_hex", tokens.__next__):
        text = outputs(result)
    read = outputs_read(text)
    assert read["version"] == result.version
    assert read["released"] == "true"


def test_a_job_that_is_cut_off_has_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    environ = {"GITHUB_STEP_SUMMARY": str(path)}
    with pytest.raises(SystemExit):
        with ActionsView(
            title=TITLE,
            steps=STEPS,
            stdout=io.StringIO(),
            environ=environ,
            now=lambda: at(60),
        ) as view:
            view.show(next(released()))
            raise SystemExit
    assert "**Interrupted**" in path.read_text(encoding="utf-8")


# -- JSON -------------------------------------------------------------------


def validator(name: str) -> Any:
    document = json.loads(schema(name))
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(
        document, format_checker=jsonschema.FormatChecker()
    )


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_events_are_as_described(name: str) -> None:
    stdout, _ = shown("json", STREAMS[name]())
    documents = [json.loads(line) for line in stdout.splitlines()]
    check = validator("events")
    for document in documents:
        check.validate(document)
        assert document["schema"] == 1
    assert [d["event"] for d in documents].count("result") == 1
    assert documents[-1]["event"] == "result"


def test_the_schema_refuses_other_things() -> None:
    check = validator("events")
    stdout, _ = shown("json", released())
    good = json.loads(stdout.splitlines()[0])
    for change in (
        {"schema": 2},
        {"verdict": "maybe"},
        {"url": "javascript:x"},
        {"text": None},
        {"event": "result"},
    ):
        assert not check.is_valid(good | change)
    for key in good:
        assert not check.is_valid({k: v for k, v in good.items() if k != key})


def test_next_is_as_described() -> None:
    check = validator("next")
    answer = NextVersion(
        current="1.2.3",
        current_tag="1.2.3",
        next="1.3.0",
        tag="1.3.0",
        bump="minor",
        commits=3,
        reasons=(
            Reason(
                bump="minor",
                source="commit",
                ref="3f2c1ab",
                text="a\x1b[1m\nb",
            ),
        ),
        warnings=("##[x]",),
    )
    document = next_document(answer)
    check.validate(document)
    assert document["reasons"][0]["text"] == "a b"
    nothing = NextVersion(
        current=None,
        current_tag=None,
        next=None,
        tag=None,
        bump="none",
        commits=0,
    )
    check.validate(next_document(nothing))


def test_unknown_schema() -> None:
    assert (
        *("next", "events", "check", "fleet", "rollout", "settings"),
    ) == SCHEMAS
    with pytest.raises(KeyError):
        schema("../models")


def test_times_are_utc() -> None:
    stdout, _ = shown("json", released())
    at = json.loads(stdout.splitlines()[0])["at"]
    assert at == "2026-05-04T14:03:21.400000Z"
    assert datetime.fromisoformat(at).tzinfo is not None


# -- Hostile text -----------------------------------------------------------


@pytest.mark.parametrize("family", sorted({f for f, _ in hostile_texts()}))
@pytest.mark.parametrize("name", ["released", "failing"])
def test_hostile_text(name: str, family: str, tmp_path: Path) -> None:
    events = list(STREAMS[name]())[-3:]
    expected = {
        "released": ["group", "endgroup"],
        "failing": ["group", "endgroup", "error"],
    }[name]
    texts = [
        each for each in enumerate(hostile_texts()) if each[1][0] == family
    ]
    for number, (_, text) in texts[:: choose_size(1, 3)]:
        bad = [poisoned(event, text) for event in events]
        stdout, _ = shown("checklist", iter(bad))
        for style in set(re.findall(r"\x1b\[([0-9;]*)m", stdout)):
            assert OWN_STYLES.fullmatch(style)
        assert_printable(OWN_SEQUENCE.sub("", stdout), text)

        stdout, _ = shown("lines", iter(bad))
        assert_printable(stdout, text)
        assert commands(stdout) == []

        environ = {
            "GITHUB_OUTPUT": str(tmp_path / f"{number}.output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / f"{number}.summary"),
        }
        stdout, _ = shown("actions", iter(bad), environ)
        assert_printable(stdout, text)
        assert commands(stdout) == expected, repr(text)
        read = outputs_read(Path(environ["GITHUB_OUTPUT"]).read_text("utf-8"))
        assert list(read) == [
            "released",
            "version",
            "tag",
            "release-url",
            "run-url",
            "images",
            "outcome",
        ]
        assert read["released"] == str(name == "released").lower()
        assert isinstance(json.loads(read["images"]), list)
        summary = Path(environ["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
        assert_printable(summary, text)
        assert_tables(summary)

        stdout, stderr = shown("json", iter(bad))
        assert stdout.isascii()
        assert_printable(stdout, text)
        assert commands(stdout + stderr) == []
        for line in stdout.splitlines():
            for value in strings(json.loads(line)):
                assert_printable(value, text)
        assert_printable(stderr, text)


def assert_printable(shown: str, text: str) -> None:
    """Assert that nothing but line ends steers a terminal."""
    left = re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    left = [character for character in left if character != "\r"]
    assert not left, f"{left!r} of {text[:100]!r}"


def assert_tables(summary: str) -> None:
    """Assert that no cell was added to a table, and no tag or link."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(summary)
    rows: list[int] = []
    for token in tokens:
        assert token.type != "html_block", token.content
        assert token.type != "fence"
        if token.type == "tr_open":
            rows.append(0)
        elif token.type in {"td_open", "th_open"}:
            rows[-1] += 1
        for child in token.children or []:
            assert child.type != "html_inline", child.content
            assert child.type != "image"
            if child.type == "link_open":
                href = str(child.attrs["href"])
                assert href.startswith("https://x.example/"), href
    assert set(rows) == {4}
    assert len(rows) in {6, 8}
    assert sum(token.type == "heading_open" for token in tokens) == 1


def strings(value: Any) -> Iterator[str]:
    """Yield every text of a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


# -- Pictures ---------------------------------------------------------------


def test_picture() -> None:
    import xml.etree.ElementTree as ET

    whole = export_svg(released(), TITLE, 80, command="rsp-release bump")
    assert "Released" in whole
    assert "http://www.w3.org/2000/svg" in whole
    assert whole.count("url(#") == whole.count("url(")
    ET.fromstring(whole)  # noqa: S314
    some = list(released())[:12]
    light = export_svg(some, TITLE, 100, steps=STEPS, is_dark=False)
    assert "#ffffff" in light
    assert whole == export_svg(
        released(), TITLE, 80, command="rsp-release bump"
    )
    with pytest.raises(ValueError, match="no event"):
        export_svg([], TITLE)
    assert dumps({"a": "##["}) == '{"a": "\\u0023\\u0023["}'

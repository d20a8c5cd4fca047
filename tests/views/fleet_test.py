"""The table of a fleet where there is no terminal."""

from __future__ import annotations

import io

import pytest

from rsp_release.views.fleet import write_lines

from ..support.campaigns import choose_size
from .hostile import commands, hostile_texts


@pytest.mark.parametrize("running", ["", "1.9.0 dev"])
def test_what_runs_is_a_column_where_it_is_known(running: str) -> None:
    stream = io.StringIO()
    write_lines(
        [
            (
                "nothing",
                ("vega", "1.9.0", running, "1.9.0", "4d", "", "", "", ""),
            )
        ],
        stream,
    )
    heading, row = (
        line.split("\t") for line in stream.getvalue().splitlines()
    )
    assert ("running" in heading) is bool(running)
    assert len(heading) == len(row)
    # What is empty has a mark: two tabs are easily taken for one.
    assert row[-1] == "-"


def test_texts_of_others_stay_texts() -> None:
    """Nor is a name a command to the log of a job."""
    for _, text in hostile_texts()[:: choose_size(1, 8)]:
        stream = io.StringIO()
        write_lines([("release", (text,) * 9)], stream)
        lines = stream.getvalue()
        assert lines.count("\n") == 2
        assert not commands(lines)


def test_name_that_is_a_command() -> None:
    stream = io.StringIO()
    write_lines([("release", ("::error::no", *"12345678"))], stream)
    assert stream.getvalue().splitlines()[1].startswith("'::error::no'\t1")


def test_output_that_lacks_characters() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write_lines([("release", ("vega", *"1234567", "größer"))], stream)
    stream.seek(0)
    assert stream.read().endswith("gr??er\n")

"""How ``rehearse`` speaks at a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from rsp_release.cli.rehearse import _conclude
from rsp_release.models import Publication

from .check_test import Terminal

UNSURE = ("a script " * 20,)
TOLD = {"o/r": Publication(workflow="ci.yaml", event="push", unsure=UNSURE)}


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_long_lines_wrap_at_a_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    _conclude(TOLD, {"COLUMNS": str(columns)})
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    assert stream.getvalue().split().count("script") == 20


def test_lines_are_whole_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    _conclude(TOLD, {"COLUMNS": "40"})
    assert len(stream.getvalue().splitlines()) == 3

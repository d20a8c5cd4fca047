"""Goldens of the views.

With ``UPDATE_TEST_DATA=1`` in the environment they are written anew instead
of compared; look at the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

_GOLDENS = Path(__file__).parents[1] / "data" / "views"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with the golden of a name."""

    def compare(name: str, text: str) -> None:
        path = _GOLDENS / name
        if os.environ.get("UPDATE_TEST_DATA"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare

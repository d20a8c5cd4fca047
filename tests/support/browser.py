"""A real browser: Debian's chromium, without a window.

It is driven by playwright, which brings no browser of its own here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["AXE", "needs_axe", "needs_browser", "start_browser"]

_AXE = ".nox/axe/node_modules/axe-core/axe.min.js"

AXE = Path(os.environ.get("RSP_RELEASE_AXE", _AXE)).absolute()
"""The script of axe-core, which finds what is not accessible."""

_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip

needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None or find_spec("playwright") is None,
    reason="chromium or playwright is not installed: apt-get install"
    " chromium && pip install playwright",
)
needs_axe = pytest.mark.skipif(
    not AXE.is_file(),
    reason="axe-core is not installed: npm install --prefix .nox/axe axe-core",
)


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Start the browser, and end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*_FLAGS]
        )
        try:
            yield browser
        finally:
            browser.close()

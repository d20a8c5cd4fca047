"""Makes the man page and completions while the package is built.

Everything else about the package is in :file:`pyproject.toml`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildPy(build_py):
    """Builds the modules, and what is written from them."""

    def run(self) -> None:
        """Build them."""
        super().run()
        if self.editable_mode:
            return
        sys.path.insert(0, str(ROOT / "src"))
        from rsp_release.cli.manual import write_files  # noqa: PLC0415

        # Where `data-files` in pyproject.toml expects them.
        write_files(ROOT / "build", self.distribution.get_version())


setup(cmdclass={"build_py": BuildPy})

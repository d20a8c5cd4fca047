"""A pinned release for tests of single steps."""

from __future__ import annotations

from datetime import UTC, datetime

from rsp_release.models import Image, Publication, Release

__all__ = ["COMMIT", "NOW", "OTHER", "RELEASE"]

COMMIT = "c" * 40
OTHER = "0" * 40
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
RELEASE = Release(
    repository="o/n",
    branch="main",
    version="1.2.0",
    tag="1.2.0",
    commit=COMMIT,
    previous_tag="1.1.0",
    notes="### New features\n\n- More.\n",
    is_prerelease=False,
    is_latest=True,
    publication=Publication(
        workflow=".github/workflows/ci.yaml",
        event="release",
        jobs=("build",),
        images=(
            Image(
                name="ghcr.io/o/n",
                tag="1.2.0",
                platforms=("linux/amd64", "linux/arm64"),
            ),
        ),
    ),
    pinned_at=NOW,
)

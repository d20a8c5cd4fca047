"""Records which digests the tags of images pointed to.

One file for each release, below the clone's ``.git`` beside its journal. A
tag can be moved, a digest can't: what was proven once is kept, so that a later
look notices.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from ..models import ImageReport

__all__ = ["DigestRecords"]

_SCHEMA = 1


class DigestRecords:
    """The digests of releases' images, as they were when they were proven.

    Parameters
    ----------
    journals
        The directory of the clone's journals.
    """

    def __init__(self, journals: Path) -> None:
        self._directory = journals / "images"

    def recall(self, tag: str) -> Mapping[str, str]:
        """Return what was recorded of a release's images.

        Parameters
        ----------
        tag
            The release's tag.

        Returns
        -------
        Mapping
            Digests by ``NAME:TAG``. Empty where nothing was recorded, and
            where the file cannot be read: it is a comfort, not a condition.
        """
        try:
            data = json.loads(self._path(tag).read_bytes())
            found = data["digests"]
            return {str(name): str(digest) for name, digest in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def record(self, tag: str, reports: Iterable[ImageReport]) -> None:
        """Keep what a release's tags point to. The last word counts.

        Parameters
        ----------
        tag
            The release's tag.
        reports
            What the registries said.
        """
        known = self.recall(tag)
        digests = {
            f"{report.image}:{report.tag}": report.digest
            for report in reports
            if report.state == "present" and report.digest
        }
        news = {**known, **digests}
        if news == known:
            return
        path = self._path(tag)
        # Whoever reads meanwhile, or is killed, has the old file or the new.
        part = path.with_name(f"{path.name}.{os.getpid()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(
                json.dumps({"schema": _SCHEMA, "digests": news}) + "\n"
            )
            part.replace(path)

    def _path(self, tag: str) -> Path:
        return self._directory / f"{quote(tag, safe='')}.json"

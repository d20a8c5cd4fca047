"""Compare what is found in real workflow files with what is known of them.

Run as ``python -m tests.support.detection CLONES [ANSWERS]``. ``CLONES`` is a
folder of clones or mirrors, bare or not, named ``owner+name``, ``owner/name``
or ``name`` (a ``repo`` or ``.git`` inside each is looked into), and
``ANSWERS`` a file like ``../shared/histories/publishing.json``. Exits with 1
if anything found is wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rsp_release.publishing import explain_absence, find_publication

__all__ = ["Answer", "compare", "main"]

ANSWERS = Path(__file__).parents[3] / "shared/histories/publishing.json"
FOLDER = ".github/workflows/"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was found of a repository, next to what is known."""

    repository: str
    verdict: Literal["right", "unsure", "wrong", "missing"]
    details: str


class _Clone:
    def __init__(self, path: Path) -> None:
        self._path = path

    def git(self, *arguments: str) -> str | None:
        done = subprocess.run(
            ["git", "-C", str(self._path), *arguments],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            return None
        return done.stdout.decode(errors="replace")

    def read(self, path: str) -> str | None:
        return self.git("cat-file", "blob", f"HEAD:{path}")

    def workflows(self) -> dict[str, str]:
        listed = self.git("ls-tree", "--name-only", "HEAD", FOLDER) or ""
        return {path: self.read(path) or "" for path in listed.splitlines()}

    def tag(self) -> str:
        """Return a tag such as this repository has."""
        tags = self.git("tag", "--sort=-creatordate") or ""
        return next(
            (tag for tag in tags.split() if tag[-1:].isdigit()), "1.2.3"
        )


def _clone(folder: Path, repository: str) -> _Clone | None:
    owner, _, name = repository.partition("/")
    for path in (f"{owner}+{name}", repository, name, f"{name}.git"):
        for inside in ("repo", "."):
            clone = _Clone(folder / path / inside)
            is_there = (folder / path / inside).is_dir()
            if is_there and clone.git("rev-parse", "--verify", "HEAD"):
                return clone
    return None


def compare(answer: dict[str, Any], clone: _Clone) -> Answer:
    """Compare one repository.

    Parameters
    ----------
    answer
        The entry of the file of answers.
    clone
        Its clone.
    """
    repository = answer["repo"]
    files = clone.workflows()
    tag = _tag(answer, clone)
    publication = find_publication(
        files, repository=repository, tag=tag, read=clone.read
    )
    triggers = {
        event.partition(":")[0]
        for event in answer["release_event"]
        if event.startswith(("release:", "push:"))
    }
    if publication is None:
        # No image is promised where nothing starts the build, but that the
        # file looks as if it published must have been noticed.
        reasons = explain_absence(files, repository=repository, tag=tag)
        is_right = not triggers and bool(reasons) == bool(answer["images"])
        return Answer(
            repository=repository,
            verdict="right" if is_right else "wrong",
            details=" ".join(r.sentence for r in reasons)
            or "publishes no images",
        )
    names = sorted({image.name for image in publication.images})
    details = f"{publication.event} {tag}: {', '.join(names) or 'no images'}"
    paths = {workflow["file"] for workflow in answer["image_workflows"]}
    called = {file for file in files if Path(file).name in _called(files)}
    is_path_right = publication.workflow in paths or bool(paths & called)
    is_right = publication.event in triggers and is_path_right
    if publication.unsure and not (names or answer["images"]):
        verdict: Literal["unsure", "right"] = "unsure"
        is_right = True
    elif publication.unsure:
        is_right = is_right and set(names) <= set(answer["images"])
        details += "; " + "; ".join(publication.unsure)
        verdict = "unsure"
    else:
        is_right = is_right and names == sorted(answer["images"])
        verdict = "right"
    return Answer(
        repository=repository,
        verdict=verdict if is_right else "wrong",
        details=details,
    )


def _tag(answer: dict[str, Any], clone: _Clone) -> str:
    tag = clone.tag()
    if answer["repo"] == "lsst-sqre/squareone":
        # This one tags each of its packages; the service is one of them.
        listed = clone.git(
            "tag", "--list", "--sort=-creatordate", "squareone*"
        )
        tag = next(iter((listed or "").split()), tag)
    return tag


def _called(files: dict[str, str]) -> set[str]:
    """Return the names of workflows that others of the repository call."""
    return {
        line.partition("uses:")[2].strip().rpartition("/")[2]
        for text in files.values()
        for line in text.splitlines()
        if "uses: ./.github/workflows/" in line
    }


def main(arguments: list[str]) -> int:
    """Print a line for each repository, and the sums."""
    folder = Path(arguments[0])
    answers = Path(arguments[1]) if len(arguments) > 1 else ANSWERS
    counts = dict.fromkeys(("right", "unsure", "wrong", "missing"), 0)
    for answer in json.loads(answers.read_text()):
        clone = _clone(folder, answer["repo"])
        if clone is None:
            found = Answer(
                repository=answer["repo"], verdict="missing", details=""
            )
        else:
            found = compare(answer, clone)
        counts[found.verdict] += 1
        line = f"{found.verdict:8} {found.repository:40} {found.details}"
        print(line.rstrip())  # noqa: T201
    print(", ".join(f"{n} {name}" for name, n in counts.items()))  # noqa: T201
    return int(counts["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

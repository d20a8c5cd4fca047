"""Writes and reads the text of deployment pull requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..models import ImageReport, PullRequest, Release, WorkflowRun
from ..models.quotation import mute
from ..version.values import parse_version
from .edits import Replaced
from .effective import EffectiveTag

__all__ = [
    "superseded",
    "title",
    "version_of",
    "write_body",
]

_NOTES_MOST = 40_000
"""Characters of the notes; GitHub takes 65,536 for the whole."""

_MARKER = re.compile(r"<!-- rsp-release deploys (\S+) (\S+) -->")


def title(release: Release) -> str:
    """Return the title of the pull request, and of its commit."""
    names = release.deployment.environments if release.deployment else ()
    where = f" in {', '.join(sorted(names))}" if names else ""
    return f"Update {release.name} to {release.version}{where}"


def version_of(pull: PullRequest, prefix: str) -> str | None:
    """Return the version that a pull request deploys.

    Parameters
    ----------
    pull
        The pull request.
    prefix
        What the application's branches begin with.

    Returns
    -------
    str or None
        What it says itself, and else what its branch says; `None` where it
        is no deployment of the application.
    """
    if not pull.branch.startswith(prefix):
        return None
    version = pull.branch.removeprefix(prefix)
    if parse_version(version) is None:
        return None
    said = _MARKER.findall(pull.body)
    return said[-1][1] if said else version


def superseded(pull: PullRequest, by: PullRequest) -> str:
    """Return what a pull request says once another takes its place."""
    return f"Superseded by #{by.number}.\n\n{pull.body}"


def write_body(
    release: Release,
    *,
    changes: Iterable[Replaced],
    reports: Sequence[ImageReport],
    overrides: Sequence[EffectiveTag],
    page: str | None,
    run: WorkflowRun | None,
) -> str:
    """Write the description of the pull request.

    Parameters
    ----------
    release
        The release.
    changes
        What is replaced.
    reports
        What the registries said.
    overrides
        Environments that name a tag of their own.
    page
        The page of the GitHub release.
    run
        The run that published the images.

    Returns
    -------
    str
        Markdown that notifies nobody.
    """
    name = f"{release.repository} {release.tag}"
    lines = [f"Deploys {f'[{name}]({page})' if page else name}.", ""]
    lines += ["| file | value | from | to |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{_code(c.path)}` | `{_code(c.key)}`"
        f" | {_shown(c.old)} | {_shown(c.new)} |"
        for c in changes
    ]
    if run is not None:
        ended = run.conclusion or run.status
        lines += [
            "",
            f"[Run {run.id}]({run.url}) of `{_code(run.path)}`: {ended}.",
        ]
    if reports:
        lines += ["", "| image | digest | platforms |", "| --- | --- | --- |"]
        lines += [
            f"| `{_code(r.image)}:{_code(r.tag)}` | `{_code(r.digest or '?')}`"
            f" | {', '.join(map(_code, r.platforms)) or '?'} |"
            for r in reports
        ]
    if overrides:
        lines += [
            "",
            "**Environments that pin another tag, and will not change:**",
            "",
        ]
        lines += [
            f"- `{_code(tag.environment)}`: `{_code(tag.key)}` is"
            f" `{_code(tag.tag)}`"
            for tag in overrides
        ]
    notes = _mute(release.notes.strip())
    if notes:
        lines += [
            "",
            "<details><summary>Release notes</summary>",
            "",
            notes,
            "",
            "</details>",
        ]
    lines += [
        "",
        f"<!-- rsp-release deploys {release.repository} {release.version} -->",
    ]
    return "\n".join(lines) + "\n"


def _shown(value: str | None) -> str:
    return f"`{_code(value)}`" if value else "-"


def _code(text: str) -> str:
    """Make foreign text safe between backticks in a table."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown.replace("`", "'").replace("|", "\\|")[:200]


def _mute(notes: str) -> str:
    """Keep notes from naming people and issues of another repository.

    A number would lead to an issue of the deployment repository, and
    ``fixes`` before it would close that.
    """
    if len(notes) > _NOTES_MOST:
        notes = notes[:_NOTES_MOST].rpartition("\n")[0] + "\n\n…"
    notes = mute(notes, keeps_links=False)
    notes = notes.replace("</details", "&lt;/details")
    return notes.replace("<!--", "&lt;!--")

"""The command ``next``: computes the next version, offline, read-only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..config import load_config
from ..exceptions import ReleaseError
from ..settings_file import find_toplevel
from ..storage.git.history import read_history
from ..version.choose import Request, propose
from ..version.proposal import NextVersion

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find_top", "run_next"]

_WRITTEN = frozenset({"fragment", "request"})

_LABELS = (
    "labels of pull requests are not read offline, and may decide:"
    " `rsp-release bump --dry-run` reads them"
)


def run_next(
    *,
    directory: Path | str,
    part: str = "auto",
    pre: str | None = None,
    force: bool = False,
    why: bool = False,
    as_json: bool = False,
    deepen: bool = False,
) -> int:
    """Compute the next version and print it.

    The version alone goes to the standard output; what explains it, to the
    standard error.

    Parameters
    ----------
    directory
        A directory of the clone.
    part
        ``auto``, ``major``, ``minor``, ``patch``, or a version.
    pre
        The identifier of a pre-release.
    force
        Whether less may be released than the changes call for.
    why
        Whether to tell what decided.
    as_json
        Whether to print one JSON object.
    deepen
        Whether to complete a shallow clone first.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    ReleaseError
        Raised if there is no answer.
    """
    is_job = os.environ.get("GITHUB_ACTIONS") == "true"
    try:
        request = Request(part=part, pre=pre, force=force)
        answer = _compute(directory, request, deepen=deepen)
    except ReleaseError as e:
        if is_job:
            from ..views.actions import tell_failure

            sys.stderr.write(tell_failure(e, os.environ, find_top(directory)))
        raise
    if is_job:
        from ..views.actions import tell_next

        # Commands are obeyed from the standard error as well.
        sys.stderr.write(tell_next(answer, os.environ, find_top(directory)))
    if as_json:
        from ..views.json import dumps, next_document

        sys.stdout.write(dumps(next_document(answer)) + "\n")
        return 0
    if why:
        from ..views.why import why as explain

        sys.stderr.write(explain(answer))
    elif answer.warnings:
        from ..views.safe import line

        for warning in answer.warnings:
            sys.stderr.write(f"warning: {line(warning)}\n")
    if answer.next is None:
        since = f" since {answer.current_tag}" if answer.current_tag else ""
        sys.stderr.write(f"nothing to release{since}\n")
    else:
        sys.stdout.write(answer.next + "\n")
    return 0


def _compute(
    directory: Path | str, request: Request, *, deepen: bool
) -> NextVersion:
    config = load_config(directory, environ=os.environ)
    if deepen:
        from pathlib import Path

        from ..factory import Factory

        # With the token, which a job's clone may not keep for git.
        Factory(
            directory=Path(directory),
            remote="origin",
            config=config,
            environ=os.environ,
        ).deepen()
    history = read_history(directory, config=config)
    answer = propose(history, policy=config, request=request)
    is_written = any(r.source in _WRITTEN for r in answer.reasons)
    if config.labels and answer.next is not None and not is_written:
        return answer._replace(warnings=(*answer.warnings, _LABELS))
    return answer


def find_top(directory: Path | str) -> Path:
    """Find the top of a clone, for the lines of annotations.

    Parameters
    ----------
    directory
        A directory of the clone.
    """
    from pathlib import Path

    return Path(find_toplevel(directory) or directory).resolve()

"""The command ``next``: computes the next version, offline, read-only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..config import load_config
from ..models import NextVersion
from ..storage.history import read_history
from ..version import Request, propose

__all__ = ["compute_next", "run_next"]


def compute_next(
    *,
    directory: Path,
    part: str = "auto",
    pre: str | None = None,
    force: bool = False,
    deepen: bool = False,
) -> NextVersion:
    """Compute the next version of the clone in a directory."""
    config = load_config(directory, environ=os.environ)
    history = read_history(directory, config=config, deepen=deepen)
    return propose(
        history,
        policy=config,
        request=Request(part=part, pre=pre, force=force),
    )


def run_next(
    *,
    directory: Path,
    part: str = "auto",
    pre: str | None = None,
    force: bool = False,
    why: bool = False,
    as_json: bool = False,
    deepen: bool = False,
) -> int:
    """Compute the next version and print it.

    Parameters
    ----------
    directory
        A directory of the clone.
    part
        ``auto``, ``major``, ``minor``, ``patch``, or a version.
    pre
        The identifier of a pre-release.
    force
        Whether less may be released than the changes demand.
    why
        Whether to print what decided, to the standard error.
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
    answer = compute_next(
        directory=directory, part=part, pre=pre, force=force, deepen=deepen
    )
    if as_json:
        import json

        document = {
            "schema": 1,
            "current": answer.current,
            "current_tag": answer.current_tag,
            "next": answer.next,
            "tag": answer.tag,
            "bump": answer.bump,
            "confidence": answer.confidence,
            "commits": answer.commits,
            "reasons": [
                {
                    "bump": r.bump,
                    "source": r.source,
                    "ref": r.ref,
                    "text": r.text,
                }
                for r in answer.reasons
            ],
            "warnings": list(answer.warnings),
        }
        sys.stdout.write(json.dumps(document) + "\n")
    elif answer.next is None:
        sys.stderr.write("nothing to release\n")
    else:
        sys.stdout.write(answer.next + "\n")
    return 0

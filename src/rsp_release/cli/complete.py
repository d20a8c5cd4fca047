"""Completion of tags for shells."""

from __future__ import annotations

import subprocess

import typer  # it reads the annotations

__all__ = ["complete_tags"]

_MOST = 50


def complete_tags(context: typer.Context, incomplete: str) -> list[str]:
    """Return the newest tags of the clone that begin as what was typed.

    Parameters
    ----------
    context
        The command line until here.
    incomplete
        What was typed of the tag.

    Returns
    -------
    list of str
        Tags, the highest versions first; none where there is no clone.
    """
    outer = context.parent.params if context.parent else {}
    where = context.params.get("directory") or outer.get("directory")
    command = ["git", "tag", "--list", "--sort=-version:refname"]
    try:
        result = subprocess.run(
            command,
            cwd=where or ".",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=2,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = [
        tag
        for tag in result.stdout.splitlines()
        if tag.startswith(incomplete) and tag.isprintable()
    ]
    return found[:_MOST]

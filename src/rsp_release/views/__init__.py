"""Views: each shows the same events in its own way.

Importing this package loads no view; rich is loaded for the checklist alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TextIO, TypeAlias

from .base import View, is_capable

__all__ = ["Kind", "View", "choose_kind", "make_view"]

Kind: TypeAlias = Literal["checklist", "lines", "json", "actions"]
"""The views that there are."""


def choose_kind(
    *, stdout: TextIO, environ: Mapping[str, str], as_json: bool
) -> Kind:
    """Choose the view that an output calls for.

    Parameters
    ----------
    stdout
        The output.
    environ
        The environment.
    as_json
        Whether JSON was asked for.

    Returns
    -------
    str
        The kind, for `make_view`.
    """
    if as_json:
        return "json"
    if environ.get("GITHUB_ACTIONS") == "true":
        return "actions"
    return "checklist" if is_capable(stdout, environ) else "lines"


def make_view(
    *,
    kind: Kind,
    title: str,
    steps: Sequence[tuple[str, str]],
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str],
    now: Callable[[], datetime],
    no_color: bool = False,
) -> View:
    """Make a view.

    Parameters
    ----------
    kind
        Which. A checklist becomes lines where the output is no terminal that
        could show it.
    title
        The heading of the checklist and the summary.
    steps
        Key and title of each step, in order.
    stdout
        Where to show it.
    stderr
        Where JSON's human words go.
    environ
        The environment: ``NO_COLOR``, ``TERM``, ``COLUMNS``, ``LINES``, and
        GitHub Actions' files.
    now
        Tells the present time (aware).
    no_color
        Whether to do without colours.
    """
    if kind == "json":
        from .json import JsonView

        return JsonView(steps=steps, stdout=stdout, stderr=stderr)
    if kind == "actions":
        from .actions import ActionsView

        return ActionsView(
            title=title, steps=steps, stdout=stdout, environ=environ, now=now
        )
    if kind == "checklist" and is_capable(stdout, environ):
        from .checklist import ChecklistView

        return ChecklistView(
            title=title,
            steps=steps,
            stdout=stdout,
            environ=environ,
            now=now,
            no_color=no_color,
        )
    from .lines import LinesView

    return LinesView(steps=steps, stdout=stdout, now=now)

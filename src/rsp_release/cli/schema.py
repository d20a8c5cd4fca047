"""The command ``schema``: prints the JSON Schemas of the package."""

from __future__ import annotations

import json
import sys

from ..exceptions import UsageError
from ..views.json import SCHEMAS, schema

__all__ = ["run_schema"]


def run_schema(name: str | None) -> int:
    """Print a schema, or all of them by their names.

    Parameters
    ----------
    name
        Its name; `None`: all.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    UsageError
        Raised if there is none of that name.
    """
    if name is None:
        every = {each: json.loads(schema(each)) for each in SCHEMAS}
        sys.stdout.write(json.dumps(every, indent=2) + "\n")
        return 0
    if name not in SCHEMAS:
        raise UsageError(
            f"no schema {name!r}",
            help=f"use one of {', '.join(SCHEMAS)}",
        )
    sys.stdout.write(schema(name))
    return 0

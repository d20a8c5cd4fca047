"""The command ``schema``: prints the JSON Schemas of the package."""

from __future__ import annotations

import json
import sys
from typing import Annotated

from typer import Argument

from ..exceptions import UsageError
from ..views.json import SCHEMAS
from ..views.json import schema as read_schema

__all__ = ["schema"]


def schema(
    name: Annotated[
        str | None,
        Argument(
            metavar="NAME",
            help="settings, check, next, fleet, rollout or events.",
        ),
    ] = None,
) -> int:
    """Print the JSON Schemas of the settings and of --json output."""
    if name is None:
        every = {each: json.loads(read_schema(each)) for each in SCHEMAS}
        sys.stdout.write(json.dumps(every, indent=2) + "\n")
        return 0
    if name not in SCHEMAS:
        raise UsageError(
            f"no schema {name!r}",
            help=f"use one of {', '.join(SCHEMAS)}",
        )
    sys.stdout.write(read_schema(name))
    return 0

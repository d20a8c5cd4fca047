"""What a script has changed so far, and how that ends up in later steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .shell_syntax import UnreadableScriptError
from .unknown import bounded, is_known, unknown

__all__ = [
    "ENV_FILE",
    "OUTPUT_FILE",
    "ExitError",
    "Read",
    "ReturnError",
    "State",
    "read_assignments",
    "read_commands",
]

Read = Callable[[str], str | None]
"""Gives the text of a file of the repository, by its path, if it is there."""

OUTPUT_FILE = "/github/output"
ENV_FILE = "/github/env"
_MAX_FILES = 100


class ExitError(Exception):
    """A script ends here.

    Parameters
    ----------
    status
        Its exit status; `None` if that isn't known.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status
        self.printed = ""


class ReturnError(ExitError):
    """A function ends here."""


@dataclass(slots=True)
class State:
    """Variables, files that were written, and whether this surely happens."""

    variables: dict[str, str]
    files: dict[str, str]
    is_certain: bool = True

    def copy(self) -> State:
        """Return a copy that may change on its own."""
        return State(dict(self.variables), dict(self.files), self.is_certain)

    def write(self, path: str, text: str, *, appends: bool) -> None:
        """Write a file, in memory.

        Raises
        ------
        UnreadableScriptError
            Raised if it isn't known which file that is.
        """
        if not is_known(path) or len(self.files) > _MAX_FILES:
            raise UnreadableScriptError
        before = self.files.get(path, "") if appends else ""
        self.files[path] = bounded(before + text)

    def merge(self, other: State) -> None:
        """Forget what is different in another state that may be the case."""
        for name in {*self.variables, *other.variables}:
            if self.variables.get(name) != other.variables.get(name):
                self.variables[name] = unknown(name)
        for path in {*self.files, *other.files}:
            here, there = self.files.get(path, ""), other.files.get(path, "")
            if here == there:
                continue
            if path not in {OUTPUT_FILE, ENV_FILE}:
                self.files[path] = unknown(path)
                continue
            ours, theirs = read_assignments(here), read_assignments(there)
            lines = [
                f"{name}={unknown(name)}\n"
                for name in {**ours, **theirs}
                if ours.get(name) != theirs.get(name)
            ]
            self.files[path] = bounded("".join([here, *lines]))
        self.is_certain = self.is_certain and other.is_certain


def read_assignments(text: str) -> dict[str, str]:
    """Read the file by which a step sets outputs or variables."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        name, is_here, delimiter = line.partition("<<")
        if is_here and "=" not in name:
            body = []
            for inner in lines:
                if inner.rstrip("\r") == delimiter.rstrip("\r"):
                    break
                body.append(inner)
            found[name] = "\n".join(body)
        elif "=" in line:
            name, _, value = line.partition("=")
            found[name] = value.rstrip("\r")
    return found


def read_commands(printed: str) -> dict[str, str]:
    """Read the outputs that are set in the way of 2022 and before."""
    found = {}
    for line in printed.split("\n"):
        match = re.match(r"::set-output name=([A-Za-z0-9_-]+)::(.*)$", line)
        if match:
            found[match[1]] = match[2]
    return found

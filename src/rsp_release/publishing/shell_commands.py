"""What single commands of a script do: the shell's own and a few others."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from . import shell_tools
from .shell_lexer import Node, UnreadableScriptError, Word
from .shell_state import (
    ENV_FILE,
    OUTPUT_FILE,
    ExitError,
    Read,
    ReturnError,
    State,
)
from .shell_syntax import parse
from .shell_words import Words, judge, name_part, print_words
from .unknown import bounded, is_known, unknown

__all__ = ["HOPED", "Call", "Commands", "Result"]

_MAX_NESTING = 8
_FOLDER = "*folder*"

HOPED = -1
"""The status of a program that nobody expects to fail."""

_ASKING = {
    "grep", "egrep", "fgrep", "diff", "cmp", "which", "command", "type",
    "curl", "wget", "git", "gh", "jq", "yq", "find", "ls", "crane", "skopeo",
}  # fmt: skip
"""Programs whose failure is an answer."""

Result: TypeAlias = tuple[str, int | None]
"""What a command prints, and its status; `None` if that isn't known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A program that a script starts."""

    argv: tuple[str, ...]
    """Its name and arguments; unknown parts are marked."""

    is_certain: bool
    """Whether it certainly is started."""


class Commands(Words):
    """Carries out single commands.

    Parameters
    ----------
    env
        The environment.
    read
        Gives files of the repository.
    folder
        The folder of the repository that the script runs in.
    """

    def __init__(
        self, env: Mapping[str, str], read: Read, folder: str
    ) -> None:
        known = {"GITHUB_OUTPUT": OUTPUT_FILE, "GITHUB_ENV": ENV_FILE}
        super().__init__(State({**env, **known, _FOLDER: folder}, {}))
        self.calls: list[Call] = []
        self.functions: dict[str, Node] = {}
        self.nesting = 0
        self.tolerant = 0
        self._read = read

    def run_node(self, node: Node, stdin: str) -> Result:
        """Run any command."""
        raise NotImplementedError

    def enter(self) -> None:
        """Go down into a function, a script or a substitution."""
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise UnreadableScriptError

    def simple(self, node: Node, stdin: str) -> Result:
        _, assignments, words, redirects = node
        stdin = self.take_input(redirects, stdin)
        argv = self.fields(words)
        before = dict(self.state.variables)
        changed = []
        for name, word in assignments:
            text = self.value(word)
            plain = name.removesuffix("+")
            if name != plain:
                text = self.variable(plain) + text
            self.state.variables[plain] = bounded(text)
            changed.append(plain)
        if not argv:
            # $(<file) prints the file.
            return ("" if assignments else stdin) if any(
                op == "<" for op, _ in redirects
            ) else self.give_output("", redirects), 0
        out, status = self._command(argv, stdin)
        for name in changed:
            self.state.variables[name] = before.get(name, unknown(name))
        return self.give_output(out, redirects), status

    def take_input(
        self, redirects: Sequence[tuple[str, Word]], stdin: str
    ) -> str:
        for op, target in redirects:
            if op == "<<<":
                stdin = self.value(target)
            elif op == "<":
                stdin = self._file(self.value(target))
        return stdin

    def give_output(
        self, out: str, redirects: Sequence[tuple[str, Word]]
    ) -> str:
        for op, target in redirects:
            if op in {">", ">>"}:
                path = self.value(target)
                if is_known(path) and not path.startswith("/"):
                    path = self._path(path)
                self.state.write(path, out, appends=op == ">>")
                out = ""
        return out

    def _path(self, name: str) -> str:
        """Return a path as seen from the top of the repository."""
        folder = self.state.variables[_FOLDER]
        return posixpath.normpath(
            posixpath.join("/github/workspace", folder, name)
        ).removeprefix("/github/workspace/")

    def _file(self, name: str) -> str:
        """Return the text of a file that was written or is there."""
        if is_known(name):
            path = self._path(name)
            if path in self.state.files:
                return self.state.files[path]
            text = None if path.startswith("/") else self._read(path)
            if text is not None and not set(text) & {"\0", "\ufffd"}:
                return bounded(text)
        return unknown(posixpath.basename(name))

    def _command(  # noqa: C901, PLR0912
        self, argv: list[str], stdin: str
    ) -> Result:
        name, *arguments = argv
        if name in self.functions:
            return self._call(self.functions[name], arguments, stdin)
        match name:
            case "echo" | "printf":
                return print_words(name, arguments), 0
            case "set":
                self.tolerant += "+e" in arguments
                return "", 0
            case "true" | ":" | "shopt" | "umask" | "sleep":
                return "", 0
            case "false":
                return "", 1
            case "cd" | "pushd" if len(arguments) == 1:
                self.state.variables[_FOLDER] = self._path(arguments[0])
                return "", 0
            case "exit":
                raise ExitError(_status(arguments))
            case "return":
                raise ReturnError(_status(arguments))
            case "export" | "local" | "declare" | "readonly" | "typeset":
                for argument in arguments:
                    variable, is_set, value = argument.partition("=")
                    if is_set:
                        self.state.variables[variable] = value
                return "", 0
            case "[" | "[[" | "test":
                return "", judge(name, arguments)
            case (
                "eval" | "read" | "mapfile" | "readarray" | "exec" | "trap"
                | "unset" | "shift" | "break" | "continue" | "cd" | "pushd"
                | "popd" | "alias" | "let" | "getopts"
            ):  # fmt: skip
                raise UnreadableScriptError
            case "source" | "." if arguments:
                return self._script(arguments, stdin, is_own=True)
            case "bash" | "sh" if arguments and arguments[0][:1] != "-":
                return self._script(arguments, stdin, is_own=False)
            case "cat" if arguments:
                return bounded("".join(map(self._file, arguments))), 0
            case "tee":
                for path in arguments:
                    if not path.startswith("-"):
                        is_more = "-a" in arguments or "--append" in arguments
                        self.state.write(path, stdin, appends=is_more)
                return stdin, 0
            case "basename" | "dirname" if arguments:
                return name_part(name, arguments), 0
            case _:
                pass
        if "/" in name and self._is_script(name):
            return self._script(argv, stdin, is_own=False)
        return self._program(argv, stdin)

    def _program(self, argv: Sequence[str], stdin: str) -> Result:
        """Note that a program is started."""
        out = shell_tools.run_filter(argv, stdin)
        if out is not None:
            return out, 0
        if (wanted := shell_tools.json_wanted(argv)) is not None:
            path, keys = wanted
            value = shell_tools.json_value(self._file(path), keys)
            if value is not None:
                return value + "\n", 0
        self.calls.append(
            Call(argv=tuple(argv), is_certain=self.state.is_certain)
        )
        name = posixpath.basename(argv[0])
        asks = name in _ASKING or "inspect" in argv[:4]
        return unknown(name), None if asks else HOPED

    def _is_script(self, name: str) -> bool:
        text = self._file(name)
        first = text.partition("\n")[0].rstrip()
        return bool(re.match(r"#!.*\b(ba)?sh( -\w+)?$", first))

    def _script(
        self, argv: Sequence[str], stdin: str, *, is_own: bool
    ) -> Result:
        """Run another script of the repository."""
        text = self._file(argv[0])
        if not is_known(text):
            if is_own:
                raise UnreadableScriptError
            return self._program(["sh", *argv], stdin)
        tree = parse(text)
        if is_own:
            return self._call(tree, argv[1:], stdin)
        before = dict(self.state.variables)
        tolerant, self.tolerant = self.tolerant, "set -e" not in text
        try:
            return self._call(tree, argv[1:], stdin)
        except ExitError as ended:
            return ended.printed, ended.status
        finally:
            self.tolerant = tolerant
            self.state.variables = before

    def _call(
        self, body: Node, arguments: Sequence[str], stdin: str
    ) -> Result:
        """Run commands with positional parameters of their own."""
        self.enter()
        joined = " ".join(arguments)
        own = {"@": joined, "*": joined, "#": str(len(arguments))}
        own |= {str(n): text for n, text in enumerate(arguments, 1)}
        hidden = {
            name: self.state.variables.pop(name)
            for name in list(self.state.variables)
            if name.isdigit() or name in own
        }
        self.state.variables.update(own)
        try:
            return self.run_node(body, stdin)
        except ReturnError as ended:
            return ended.printed, ended.status
        finally:
            self.nesting -= 1
            for name in own:
                self.state.variables.pop(name, None)
            self.state.variables.update(hidden)


def _status(arguments: Sequence[str]) -> int | None:
    if not arguments:
        return 0
    text = arguments[0]
    return int(text) if text.isdecimal() and len(text) < 4 else None

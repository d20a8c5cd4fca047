"""What a ``run:`` step does, as far as its script shows.

A small shell: variables, conditions, loops over words, functions, pipes
through a few filters, here-documents, and the files by which steps hand
values on. Nothing is executed. Programs that it doesn't know print something
unknown; a condition that depends on something unknown is followed both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from . import shell_tools
from .shell_commands import HOPED, Call, Commands, Result
from .shell_lexer import Node, UnreadableScriptError
from .shell_state import (
    ENV_FILE,
    OUTPUT_FILE,
    ExitError,
    Read,
    ReturnError,
    State,
    read_assignments,
    read_commands,
)
from .shell_syntax import parse
from .unknown import bounded, is_known, unknown

__all__ = ["Script", "run_script"]

_MAX_COMMANDS = 4000
_MAX_NESTING = 8
_FOLDER = "*folder*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a script does."""

    is_readable: bool
    """Whether it could be followed. If not, nothing else is known."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    """The outputs of the step."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for later steps."""

    calls: tuple[Call, ...] = ()
    """Programs it starts, in order."""


def run_script(
    text: str, *, env: Mapping[str, str], read: Read, folder: str = ""
) -> Script:
    """Follow a script.

    Parameters
    ----------
    text
        The script.
    env
        The environment it starts with; a variable that is not there is
        unknown.
    read
        Gives files of the repository, for scripts that call scripts.
    folder
        The folder of the repository that it runs in.

    Returns
    -------
    Script
        What it does.
    """
    shell = _Shell(env, read, folder)
    try:
        printed = shell.run(parse(text))
    except (UnreadableScriptError, RecursionError):
        return Script(is_readable=False)
    outputs = read_assignments(shell.state.files.get(OUTPUT_FILE, ""))
    return Script(
        is_readable=True,
        outputs={**read_commands(printed), **outputs},
        env=read_assignments(shell.state.files.get(ENV_FILE, "")),
        calls=tuple(shell.calls),
    )


class _Shell(Commands):
    def __init__(
        self, env: Mapping[str, str], read: Read, folder: str
    ) -> None:
        super().__init__(env, read, folder)
        self._left = _MAX_COMMANDS

    def run(self, tree: Node) -> str:
        """Run a whole script; return what it prints."""
        try:
            return self._list(tree, "")[0]
        except ExitError as ended:
            if ended.status != 0:
                # It would fail, or be misunderstood here.
                raise UnreadableScriptError from None
            return ended.printed

    # -- Control ------------------------------------------------------------

    def run_node(  # type: ignore[explicit-override]
        self, node: Node, stdin: str
    ) -> Result:
        self._left -= 1
        if self._left < 0:
            raise UnreadableScriptError
        kinds: dict[str, Callable[[Node, str], Result]] = {
            "list": self._list,
            "pipe": self._pipe,
            "redirected": self._redirected,
            "subshell": self._subshell,
            "if": self._if,
            "for": self._for,
            "case": self._case,
            "simple": self.simple,
        }
        if node[0] == "group":
            return self._list(node[1], stdin)
        if node[0] == "function":
            self.functions[node[1]] = node[2]
            return "", 0
        return kinds[node[0]](node, stdin)

    def _list(self, node: Node, stdin: str) -> Result:
        out, status = "", None
        status = 0
        for chain in node[1]:
            try:
                text, status, decides = self._chain(chain[1], stdin)
                out = bounded(out + text)
                if status and status > 0 and decides and not self.tolerant:
                    # GitHub runs scripts with -e.
                    raise ExitError(status)
            except ExitError as ended:
                ended.printed = bounded(out + ended.printed)
                raise
        return out, status

    def _chain(
        self, links: Sequence[tuple[str, Node]], stdin: str
    ) -> tuple[str, int | None, bool]:
        """Run commands joined by ``&&`` and ``||``."""
        out = ""
        status: int | None = 0
        decides = True
        for number, (op, pipe) in enumerate(links):
            is_last = number == len(links) - 1
            goes_on = self._goes_on(op, status) if number else True
            decides = False
            if goes_on is False:
                continue
            self.tolerant += not is_last
            try:
                if goes_on:
                    text, status = self._pipe(pipe, stdin)
                    decides = is_last
                else:
                    text, status = self._either([pipe, None], stdin)
            finally:
                self.tolerant -= not is_last
            out += text
        return out, status, decides

    @staticmethod
    def _goes_on(op: str, status: int | None) -> bool | None:
        if status is None or (status == HOPED and op == "||"):
            return None
        return (status in {0, HOPED}) is (op == "&&")

    def _pipe(self, node: Node, stdin: str) -> Result:
        text = stdin
        status: int | None = 0
        self.tolerant += node[2]
        try:
            for command in node[1]:
                text, status = self.run_node(command, text)
        finally:
            self.tolerant -= node[2]
        if node[2]:
            status = None if status in {None, HOPED} else int(not status)
        return text, status

    def _either(self, choices: Sequence[Node | None], stdin: str) -> Result:
        """Run each of several ways on, of which one is taken."""
        before = self.state
        ends: list[tuple[State, str]] = []
        for choice in choices:
            self.state = before.copy()
            self.state.is_certain = False
            try:
                out = self.run_node(choice, stdin)[0] if choice else ""
            except ExitError as ended:
                if isinstance(ended, ReturnError) or not ended.status:
                    raise UnreadableScriptError from None
                # Where a script gives up, nothing is released anyway.
                continue
            ends.append((self.state, out))
        if not ends:
            raise UnreadableScriptError
        state, out = ends[0]
        for other, text in ends[1:]:
            state.merge(other)
            out = out if out == text else unknown("condition")
        state.is_certain = before.is_certain
        self.state = state
        return out, None

    def _redirected(self, node: Node, stdin: str) -> Result:
        stdin = self.take_input(node[2], stdin)
        out, status = self.run_node(node[1], stdin)
        return self.give_output(out, node[2]), status

    def _subshell(self, node: Node, stdin: str) -> Result:
        before = self.state.copy()
        try:
            return self._list(node[1], stdin)
        except ExitError as ended:
            return ended.printed, ended.status
        finally:
            before.files = self.state.files
            self.state = before

    def substitute(  # type: ignore[explicit-override]
        self, tree: Node
    ) -> str:
        self.enter()
        try:
            return self._subshell(("subshell", tree), "")[0]
        finally:
            self.nesting -= 1

    def _if(self, node: Node, stdin: str) -> Result:
        out = ""
        ways: list[Node | None] = []
        for test, body in node[1]:
            self.tolerant += 1
            try:
                text, status = self.run_node(test, stdin)
            finally:
                self.tolerant -= 1
            out += text
            if status in {None, HOPED, 0}:
                ways.append(body)
            if status == 0:
                break
        else:
            ways.append(node[2])
        text, status = self._ways(ways, stdin)
        return out + text, status

    def _ways(self, ways: Sequence[Node | None], stdin: str) -> Result:
        if len(ways) > 1:
            return self._either(ways, stdin)
        return self.run_node(ways[0], stdin) if ways[0] else ("", 0)

    def _for(self, node: Node, stdin: str) -> Result:
        out = ""
        status: int | None = 0
        for word in self.fields(node[2]):
            item = unknown("files") if set(word) & set("*?[") else word
            self.state.variables[node[1]] = item
            text, status = self.run_node(node[3], stdin)
            out = bounded(out + text)
        return out, status

    def _case(self, node: Node, stdin: str) -> Result:
        subject = self.value(node[1])
        ways: list[Node | None] = []
        for patterns, body in node[2]:
            fits = [self._fits(self.value(p), subject) for p in patterns]
            if True in fits or None in fits:
                ways.append(body)
            if True in fits:
                break
        else:
            ways.append(None)
        return self._ways(ways, stdin)

    @staticmethod
    def _fits(pattern: str, subject: str) -> bool | None:
        if pattern == "*":
            return True
        if not is_known(pattern) or not is_known(subject):
            return None
        return shell_tools.glob_matches(pattern, subject)

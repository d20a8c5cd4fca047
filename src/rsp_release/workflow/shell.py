"""What a ``run:`` step does, as far as its script shows.

A small shell: variables, conditions, loops over words, functions, pipes
through a few filters, here-documents, and the files by which steps hand
values on. Nothing is executed. Programs that it doesn't know print something
unknown; a condition that depends on something unknown is followed both ways.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import shell_tools
from .shell_syntax import Node, UnreadableScriptError, Word, parse
from .unknown import bounded, is_known, unknown

__all__ = ["Call", "Script", "run_script"]

_OUTPUT = "/github/output"
_ENV = "/github/env"
_MAX_COMMANDS = 4000
_MAX_NESTING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A program that a script starts."""

    argv: tuple[str, ...]
    """Its name and arguments; unknown parts are marked."""

    is_certain: bool
    """Whether it certainly is started."""


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


class _ExitError(Exception):
    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


@dataclass(slots=True)
class _State:
    variables: dict[str, str]
    files: dict[str, str]
    is_certain: bool = True

    def copy(self) -> _State:
        return _State(dict(self.variables), dict(self.files), self.is_certain)


def run_script(
    text: str, *, env: Mapping[str, str], files: Mapping[str, str]
) -> Script:
    """Follow a script.

    Parameters
    ----------
    text
        The script.
    env
        The environment it starts with; a variable that is not there is
        unknown.
    files
        Files of the repository, by path, for scripts that call scripts.

    Returns
    -------
    Script
        What it does.
    """
    shell = _Shell(env, files)
    try:
        shell.run(parse(text))
    except _ExitError as ended:
        if ended.status != 0:
            return Script(is_readable=False, calls=tuple(shell.calls))
    except (UnreadableScriptError, RecursionError):
        return Script(is_readable=False, calls=tuple(shell.calls))
    outputs = _assignments(shell.state.files.get(_OUTPUT, ""))
    return Script(
        is_readable=True,
        outputs={**_commands(shell.printed), **outputs},
        env=_assignments(shell.state.files.get(_ENV, "")),
        calls=tuple(shell.calls),
    )


def _assignments(text: str) -> dict[str, str]:
    """Read the file by which a step sets outputs or variables."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        here = re.match(r"([^=<]+)<<(.+)$", line)
        if here:
            body = []
            for inner in lines:
                if inner == here[2]:
                    break
                body.append(inner)
            found[here[1]] = "\n".join(body)
        elif "=" in line:
            name, _, value = line.partition("=")
            found[name] = value.rstrip("\r")
    return found


def _commands(printed: str) -> dict[str, str]:
    """Read the outputs that are set in the way of 2022 and before."""
    found = {}
    for line in printed.split("\n"):
        match = re.match(r"::set-output name=([A-Za-z0-9_-]+)::(.*)$", line)
        if match:
            found[match[1]] = match[2]
    return found


class _Shell:
    def __init__(
        self, env: Mapping[str, str], files: Mapping[str, str]
    ) -> None:
        known = {"GITHUB_OUTPUT": _OUTPUT, "GITHUB_ENV": _ENV}
        self.state = _State({**env, **known, "?": "0"}, dict(files))
        self.calls: list[Call] = []
        self.printed = ""
        self._functions: dict[str, Node] = {}
        self._left = _MAX_COMMANDS
        self._nesting = 0
        self._tests = 0

    # -- Control ------------------------------------------------------------

    def run(self, tree: Node) -> None:
        """Run a whole script."""
        self.printed += self._list(tree, "")[0]

    def _run(self, node: Node, stdin: str) -> tuple[str, int | None]:
        """Run a command: what it prints, and its status if known."""
        self._left -= 1
        if self._left < 0:
            raise UnreadableScriptError
        match node[0]:
            case "list":
                return self._list(node, stdin)
            case "redirected":
                out, status = self._run(node[1], stdin)
                return self._redirect(out, node[2]), status
            case "group":
                return self._list(node[1], stdin)
            case "subshell":
                return self._subshell(node[1], stdin)
            case "if":
                return self._if(node, stdin)
            case "for":
                return self._for(node, stdin)
            case "case":
                return self._case(node, stdin)
            case "function":
                self._functions[node[1]] = node[2]
                return "", 0
            case _:
                return self._simple(node, stdin)

    def _list(self, node: Node, stdin: str) -> tuple[str, int | None]:
        out, status = "", None
        status = 0
        for chain in node[1]:
            text, status, decides = self._chain(chain[1], stdin)
            out = bounded(out + text)
            if status and decides and not self._tests:
                # GitHub runs scripts with -e.
                raise _ExitError(status)
        return out, status

    def _chain(
        self, links: list[tuple[str, Node]], stdin: str
    ) -> tuple[str, int | None, bool]:
        out = ""
        status: int | None = 0
        decides = True
        certain = self.state.is_certain
        for number, (op, pipe) in enumerate(links):
            if number and status is not None and (op == "&&") is bool(status):
                decides = False
                continue
            is_last = number == len(links) - 1
            self._tests += not is_last
            try:
                if number and status is None:
                    text, status = self._perhaps(pipe, stdin)
                    status = None
                else:
                    text, status = self._pipe(pipe, stdin)
            finally:
                self._tests -= not is_last
            decides = is_last
            out += text
        self.state.is_certain = certain and self.state.is_certain
        return out, status, decides

    def _pipe(self, node: Node, stdin: str) -> tuple[str, int | None]:
        text = stdin
        status: int | None = 0
        self._tests += node[2]
        try:
            for command in node[1]:
                text, status = self._run(command, text)
        finally:
            self._tests -= node[2]
        if node[2] and status is not None:
            status = int(not status)
        return text, status

    def _perhaps(self, node: Node, stdin: str) -> tuple[str, int | None]:
        """Run something that possibly isn't run."""
        return self._either([node, None], stdin)

    def _either(
        self, choices: list[Node | None], stdin: str
    ) -> tuple[str, int | None]:
        """Run each of several ways on, of which one is taken."""
        before = self.state
        ends: list[tuple[_State, str]] = []
        may_end = False
        for choice in choices:
            self.state = before.copy()
            self.state.is_certain = False
            try:
                out = ""
                if choice is not None:
                    run = self._pipe if choice[0] == "pipe" else self._run
                    out, _ = run(choice, stdin)
                ends.append((self.state, out))
            except _ExitError as ended:
                # Where a script gives up, nothing is released anyway.
                may_end = may_end or ended.status == 0
        if not ends:
            raise _ExitError(None)
        state, out = ends[0]
        for other, text in ends[1:]:
            state = _merged(state, other)
            out = out if out == text else unknown("condition")
        state.is_certain = before.is_certain and not may_end
        self.state = state
        return out, None

    def _subshell(self, node: Node, stdin: str) -> tuple[str, int | None]:
        before = self.state
        self.state = before.copy()
        try:
            return self._list(node, stdin)
        except _ExitError as ended:
            return "", ended.status
        finally:
            before.files = self.state.files
            self.state = before

    def _test(self, node: Node, stdin: str) -> tuple[str, int | None]:
        self._tests += 1
        try:
            return self._run(node, stdin)
        finally:
            self._tests -= 1

    def _if(self, node: Node, stdin: str) -> tuple[str, int | None]:
        out = ""
        open_branches: list[Node | None] = []
        for test, body in node[1]:
            text, status = self._test(test, stdin)
            out += text
            if status is None:
                open_branches.append(body)
            elif status == 0:
                open_branches.append(body)
                break
        else:
            open_branches.append(node[2])
        if len(open_branches) == 1:
            (taken,) = open_branches
            text, status = self._run(taken, stdin) if taken else ("", 0)
        else:
            text, status = self._either(open_branches, stdin)
        return out + text, status

    def _for(self, node: Node, stdin: str) -> tuple[str, int | None]:
        out = ""
        status: int | None = 0
        for item in self._fields(node[2]):
            self.state.variables[node[1]] = item
            text, status = self._run(node[3], stdin)
            out = bounded(out + text)
        return out, status

    def _case(self, node: Node, stdin: str) -> tuple[str, int | None]:
        subject = self._value(node[1])
        choices: list[Node | None] = []
        for patterns, body in node[2]:
            answers = [
                self._fits(self._value(pattern), subject)
                for pattern in patterns
            ]
            if True in answers:
                choices.append(body)
                break
            if None in answers:
                choices.append(body)
        else:
            choices.append(None)
        if len(choices) == 1:
            (taken,) = choices
            return self._run(taken, stdin) if taken else ("", 0)
        return self._either(choices, stdin)

    @staticmethod
    def _fits(pattern: str, subject: str) -> bool | None:
        if pattern == "*":
            return True
        if not is_known(pattern) or not is_known(subject):
            return None
        return shell_tools.glob_matches(pattern, subject)

    # -- Simple commands ----------------------------------------------------

    def _simple(self, node: Node, stdin: str) -> tuple[str, int | None]:
        _, assignments, words, redirects = node
        for op, target in redirects:
            if op == "<<<":
                stdin = self._value(target)
            elif op == "<":
                path = self._value(target)
                stdin = self.state.files.get(path, unknown(path))
        argv = self._fields(words)
        before = dict(self.state.variables)
        status: int | None = 0
        for name, value in assignments:
            text = self._value(value)
            if name.endswith("+"):
                name = name[:-1]
                text = self._variable(name) + text
            self.state.variables[name] = bounded(text)
        if not argv:
            return self._redirect("", redirects), status
        out, status = self._command(argv, stdin)
        if assignments:
            for name, _ in assignments:
                plain = name.rstrip("+")
                if plain in before:
                    self.state.variables[plain] = before[plain]
                else:
                    self.state.variables.pop(plain, None)
        return self._redirect(out, redirects), status

    def _redirect(self, out: str, redirects: list[tuple[str, Word]]) -> str:
        for op, target in redirects:
            if op not in {">", ">>"}:
                continue
            path = self._value(target)
            self._write(path, out, appends=op == ">>")
            out = ""
        return out

    def _write(self, path: str, text: str, *, appends: bool) -> None:
        if not is_known(path):
            raise UnreadableScriptError
        before = self.state.files.get(path, "") if appends else ""
        self.state.files[path] = bounded(before + text)

    def _command(  # noqa: C901, PLR0912
        self, argv: list[str], stdin: str
    ) -> tuple[str, int | None]:
        name, *arguments = argv
        if name in self._functions:
            return self._call(self._functions[name], arguments, stdin)
        match name:
            case "echo" | "printf":
                return _printed(name, arguments), 0
            case "true" | ":" | "set" | "cd" | "shopt" | "umask" | "sleep":
                return "", 0
            case "false":
                return "", 1
            case "exit" | "return":
                raise _ExitError(_status(arguments))
            case "export" | "local" | "declare" | "readonly" | "typeset":
                for argument in arguments:
                    variable, is_set, value = argument.partition("=")
                    if is_set:
                        self.state.variables[variable] = value
                return "", 0
            case "unset":
                for argument in arguments:
                    self.state.variables[argument] = ""
                return "", 0
            case "[" | "[[" | "test":
                return "", self._judge(name, arguments)
            case "eval" | "read" | "mapfile" | "readarray" | "exec" | "trap":
                raise UnreadableScriptError
            case "source" | "." if arguments:
                return self._script(arguments, stdin, is_own=True)
            case "bash" | "sh" if arguments and arguments[0][:1] != "-":
                return self._script(arguments, stdin, is_own=False)
            case "cat" if arguments and is_known(arguments[-1]):
                parts = [
                    self.state.files.get(path, unknown(path))
                    for path in arguments
                ]
                return bounded("".join(parts)), 0
            case "tee":
                for path in arguments:
                    if not path.startswith("-"):
                        self._write(path, stdin, appends="-a" in arguments)
                return stdin, 0
            case "basename" | "dirname" if arguments:
                return _path_part(name, arguments), 0
        if self._path(name) in self.state.files:
            return self._script([name, *arguments], stdin, is_own=False)
        self._record(argv)
        out = shell_tools.run_filter(argv, stdin)
        if out is None:
            return unknown(posixpath.basename(name)), None
        return out, 0

    def _record(self, argv: list[str]) -> None:
        self.calls.append(
            Call(argv=tuple(argv), is_certain=self.state.is_certain)
        )

    @staticmethod
    def _path(name: str) -> str:
        workspace = re.sub(r"^(\./|/github/workspace/)+", "", name)
        return workspace if "/" in name else ""

    def _script(
        self, argv: list[str], stdin: str, *, is_own: bool
    ) -> tuple[str, int | None]:
        path = re.sub(r"^(\./|/github/workspace/)+", "", argv[0])
        if path not in self.state.files:
            if is_own:
                raise UnreadableScriptError
            self._record(["sh", *argv])
            return unknown(argv[0]), None
        text = self.state.files[path]
        first = text.partition("\n")[0]
        if first.startswith("#!") and not first.rstrip().endswith("sh"):
            self._record(argv)
            return unknown(argv[0]), None
        tree = parse(text)
        if is_own:
            return self._list(tree, stdin)
        before = dict(self.state.variables)
        try:
            return self._call(tree, argv[1:], stdin)
        finally:
            self.state.variables = before

    def _call(
        self, body: Node, arguments: list[str], stdin: str
    ) -> tuple[str, int | None]:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise UnreadableScriptError
        before = {
            name: value
            for name, value in self.state.variables.items()
            if name.isdigit() or name in {"@", "*", "#"}
        }
        for name in before:
            del self.state.variables[name]
        for number, argument in enumerate(arguments, 1):
            self.state.variables[str(number)] = argument
        joined = " ".join(arguments)
        self.state.variables.update(
            {"@": joined, "*": joined, "#": str(len(arguments))}
        )
        try:
            return self._run(body, stdin)
        except _ExitError as ended:
            if ended.status:
                raise
            return "", ended.status
        finally:
            self._nesting -= 1
            self.state.variables.update(before)

    def _judge(self, name: str, arguments: list[str]) -> int | None:
        """Return the status of a test."""
        words = [word for word in arguments if word not in {"]", "]]"}]
        negated = words[:1] == ["!"]
        truth = self._truth(words[negated:], is_pattern=name == "[[")
        if truth is None:
            return None
        return int(truth is negated)

    def _truth(self, words: list[str], *, is_pattern: bool) -> bool | None:
        for joint, decisive in (("||", True), ("&&", False)):
            if joint in words:
                at = words.index(joint)
                sides = [
                    self._truth(words[:at], is_pattern=is_pattern),
                    self._truth(words[at + 1 :], is_pattern=is_pattern),
                ]
                if decisive in sides:
                    return decisive
                return None if None in sides else not decisive
        match words:
            case ["-z" | "-n" as op, text]:
                if not is_known(text):
                    # Something known beside the unknown is not empty.
                    return None
                return (text == "") is (op == "-z")
            case [text]:
                return bool(text) if is_known(text) else None
            case [left, "=" | "==" | "!=" as op, right]:
                if not (is_known(left) and is_known(right)):
                    return None
                same: bool | None = left == right
                if is_pattern:
                    same = shell_tools.glob_matches(right, left)
                return None if same is None else same is (op != "!=")
            case ["-f" | "-e", path] if path in self.state.files:
                return True
            case _:
                return None

    # -- Words --------------------------------------------------------------

    def _variable(self, name: str) -> str:
        if name.isdigit() or name in {"@", "*", "#"}:
            return self.state.variables.get(name, "")
        return self.state.variables.get(name, unknown(name))

    def _part(self, part: tuple[object, ...]) -> str:
        match part:
            case ("text", str(text), _):
                return text
            case ("command", tuple(tree), _):
                out, _ = self._substitution(tree)
                return out.rstrip("\n")
            case ("variable", str(name), str(op), list(argument), _):
                return self._expand(name, op, argument)
        raise UnreadableScriptError

    def _substitution(self, tree: Node) -> tuple[str, int | None]:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise UnreadableScriptError
        try:
            return self._subshell(tree, "")
        finally:
            self._nesting -= 1

    def _expand(self, name: str, op: str, argument: Word) -> str:
        value = self._variable(name)
        if not op:
            return value
        if op in {"-", ":-", "=", ":="}:
            if not is_known(value):
                return value
            return value or self._value(argument)
        if op in {"+", ":+"} and is_known(value):
            return self._value(argument) if value else ""
        if op in {"?", ":?"}:
            return value
        if not is_known(value):
            return unknown(name)
        made: str | None = None
        text = self._value(argument)
        if op == "length":
            made = str(len(value))
        elif op in {",,", "^^"} and not text:
            made = value.lower() if op == ",," else value.upper()
        elif op[0] in "#%" and is_known(text):
            made = shell_tools.trim(value, op, text)
        elif op[0] == "/" and is_known(text):
            old, _, new = text.partition("/")
            if not any(part[2] and part[1] == "/" for part in argument):
                made = shell_tools.replace(value, op, old, new)
            elif [part[1] for part in argument[:2]] == ["/", "/"]:
                made = shell_tools.replace(
                    value, op, "/", "".join(p[1] for p in argument[2:])
                )
        elif op == ":" and re.fullmatch(r"[0-9]{1,4}(:[0-9]{1,4})?", text):
            start, _, length = text.partition(":")
            end = int(start) + int(length) if length else None
            made = value[int(start) : end]
        return unknown(name) if made is None else made

    def _value(self, word: Word) -> str:
        """Expand to one text."""
        return bounded("".join(self._part(part) for part in word))

    def _fields(self, words: list[Word]) -> list[str]:
        """Expand words to the fields that a program gets."""
        fields: list[str] = []
        for word in words:
            current: str | None = None
            for part in word:
                text = bounded(self._part(part))
                if part[0] == "text" or part[-1]:
                    current = (current or "") + text
                    continue
                pieces = text.split()
                if text[:1].isspace() and current is not None:
                    fields.append(current)
                    current = None
                for number, piece in enumerate(pieces):
                    if number and current is not None:
                        fields.append(current)
                        current = None
                    current = (current or "") + piece
                if pieces and text[-1:].isspace() and current is not None:
                    fields.append(current)
                    current = None
            if current is not None:
                fields.append(bounded(current))
        return fields


def _merged(first: _State, second: _State) -> _State:
    """Return what is known where one of two things happened."""
    variables = {
        name: value if second.variables.get(name) == value else unknown(name)
        for name, value in first.variables.items()
    }
    for name in second.variables:
        variables.setdefault(name, unknown(name))
    files = dict(first.files)
    for path, text in second.files.items():
        other = first.files.get(path, "")
        if text == other:
            continue
        if path not in {_OUTPUT, _ENV}:
            files[path] = unknown(path)
            continue
        here, there = _assignments(other), _assignments(text)
        lines = [other]
        for name in {**here, **there}:
            if here.get(name) != there.get(name):
                lines.append(f"{name}={unknown(name)}\n")  # noqa: PERF401
        files[path] = "".join(lines)
    return _State(variables, files, first.is_certain and second.is_certain)


def _status(arguments: list[str]) -> int | None:
    if not arguments:
        return 0
    return int(arguments[0]) if arguments[0].isdecimal() else None


def _printed(name: str, arguments: list[str]) -> str:
    if name == "echo":
        options = {"-n", "-e", "-ne", "-en", "-E"}
        ends = "\n"
        while arguments and arguments[0] in options:
            if "n" in arguments[0]:
                ends = ""
            if "e" in arguments[0] and "\\" in "".join(arguments):
                return unknown("echo")
            arguments = arguments[1:]
        return bounded(" ".join(arguments) + ends)
    if not arguments:
        return ""
    template, *values = arguments
    made = template.replace("\\n", "\n")
    if made.count("%") != made.count("%s") or "\\" in made:
        return unknown("printf")
    if made.count("%s") != len(values):
        return unknown("printf")
    for value in values:
        made = made.replace("%s", value.replace("%", "\ue000"), 1)
        if "%" in value:
            return unknown("printf")
    return bounded(made)


def _path_part(name: str, arguments: list[str]) -> str:
    path, *rest = arguments
    if not all(is_known(argument) for argument in arguments):
        return unknown(name)
    if path.startswith("-") or len(rest) > 1:
        return unknown(name)
    if name == "dirname":
        return (posixpath.dirname(path.rstrip("/")) or ".") + "\n"
    base = posixpath.basename(path.rstrip("/"))
    if rest and base != rest[0]:
        base = base.removesuffix(rest[0])
    return base + "\n"

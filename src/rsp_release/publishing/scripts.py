"""What a ``run:`` step says in so many words.

No shell is imitated. Read are commands as they are written, variables that
the workflow or a plain assignment sets, and what ``echo`` hands to later
steps; everything else that a script can do makes something unknown, and what
stands in a condition or a loop may happen or not.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .unknown import bounded, unknown

__all__ = ["Call", "Script", "read_script"]

_DOLLAR = "\ue002"
"""A dollar that the shell does not look at, since it is quoted."""
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(
    rf"\$(?:({_NAME})|\{{({_NAME})\}}|\{{[^}}]*\}}|[@*#?$!0-9-])"
)
_ASSIGNMENT = re.compile(rf"({_NAME})=(.*)", re.DOTALL)
_FILE = re.compile(r"GITHUB_(OUTPUT|ENV)\b")
_SET_OUTPUT = re.compile(r"::set-output name=([\w-]+)::(.*)", re.DOTALL)
_HEREDOC = re.compile(r"(?<!<)<<(?!<)-?\s*(['\"]?)(\w+)\1")
_OPENS = {"if", "for", "while", "until", "case", "select", "function", "{"}
_CLOSES = {"fi", "done", "esac", "}"}
_INSIDE = {"then", "do", "else", "elif", "!", "time", "command"}
_RESERVED = _OPENS | _CLOSES | _INSIDE
_ENDS = set(";&|()")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A program that a script starts."""

    argv: tuple[str, ...]
    """Its name and arguments, unknown parts marked."""

    is_certain: bool
    """Whether it is started whatever happens."""


@dataclass(slots=True)
class Script:
    """What a script says."""

    outputs: dict[str, str] = field(default_factory=dict)
    """The outputs of the step."""

    env: dict[str, str] = field(default_factory=dict)
    """Environment variables for later steps."""

    calls: list[Call] = field(default_factory=list)
    """Programs it starts, in order."""

    unread: list[str] = field(default_factory=list)
    """Its lines that are not read: texts for programs, and open quotes."""


def read_script(text: str, *, env: Mapping[str, str]) -> Script:
    """Read a script.

    Parameters
    ----------
    text
        The script, its expressions filled in.
    env
        The variables that are set for it.
    """
    script = Script()
    variables = dict(env)
    depth = 0
    for words, file in _split_commands(text, script.unread):
        while words and words[0] in _RESERVED:
            word = words.pop(0)
            depth += (word in _OPENS) - (word in _CLOSES)
            if word in {"for", "case", "select", "function"}:
                words.clear()
        filled = [_fill(word, variables) for word in words]
        if not filled:
            continue
        certain = depth <= 0
        assigned = _ASSIGNMENT.fullmatch(filled[0])
        if assigned and len(filled) == 1:
            name, value = assigned.groups()
            variables[name] = value if certain else unknown(name)
        elif filled[0] in {"echo", "printf"}:
            _hand_on(script, filled[1:], file, certain=certain)
        elif filled[0] in {"export", "readonly", "local"}:
            for word in filled[1:]:
                name, has_value, value = word.partition("=")
                if has_value:
                    variables[name] = value if certain else unknown(name)
        else:
            script.calls.append(Call(argv=tuple(filled), is_certain=certain))
    return script


def _hand_on(
    script: Script, words: list[str], file: str, *, certain: bool
) -> None:
    """Note an output or a variable that ``echo`` sets for later steps."""
    text = " ".join(words)
    if old := _SET_OUTPUT.fullmatch(text):
        name, value = old.groups()
    else:
        name, has_value, value = text.partition("=")
        if not (file and has_value and re.fullmatch(r"[\w-]+", name)):
            return
    target = script.env if file == "ENV" else script.outputs
    target[name] = bounded(value) if certain else unknown(name)


def _fill(word: str, variables: Mapping[str, str]) -> str:
    def one(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            inner = re.search(_NAME, match[0])
            return unknown(inner[0] if inner else "a variable")
        return variables.get(name, unknown(name))

    return bounded(_VARIABLE.sub(one, word)).replace(_DOLLAR, "$")


def _split_commands(
    text: str, unread: list[str]
) -> Iterator[tuple[list[str], str]]:
    """Split a script into commands: words, and where their output goes.

    Parameters
    ----------
    text
        The script.
    unread
        Takes the lines that are no commands.

    Yields
    ------
    tuple
        The words, with variables in them; and ``OUTPUT`` or ``ENV`` where
        the command writes the file by which a step hands values on.
    """
    end = ""
    for line in _without_programs(text).replace("\\\n", " ").split("\n"):
        if end:
            unread.append(line)
            end = "" if line.strip() == end else end
            continue
        if here := _HEREDOC.search(line):
            end = here[2]
        quoted = re.sub(
            r"'[^']*'", lambda match: match[0].replace("$", _DOLLAR), line
        )
        lexer = shlex.shlex(quoted, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""
        try:
            tokens = list(lexer)
        except ValueError:
            # Quotes that span lines.
            unread.append(line)
            continue
        yield from _commands(tokens)


def _commands(tokens: list[str]) -> Iterator[tuple[list[str], str]]:
    words: list[str] = []
    file = ""
    is_target = False
    for token in tokens:
        if token.startswith(("<", ">")) and set(token) <= set("<>&|"):
            is_target = True
            if words and words[-1].isdecimal():
                # The file descriptor of a redirection, such as 2>&1.
                words.pop()
        elif is_target:
            is_target = False
            found = _FILE.search(token)
            file = found[1] if found else file
        elif token and set(token) <= _ENDS:
            if words:
                yield words, file
            words, file = [], ""
        elif token.startswith("#"):
            break
        else:
            words.append(token)
    if words:
        yield words, file


def _without_programs(text: str) -> str:
    """Return a script with what other programs print marked as unknown."""
    printed = unknown("script")
    text = re.sub(r"`[^`]*`", printed, text)
    parts = []
    at = 0
    while (start := text.find("$(", at)) >= 0:
        depth, stop = 1, start + 2
        while stop < len(text) and depth:
            depth += (text[stop] == "(") - (text[stop] == ")")
            stop += 1
        parts += [text[at:start], printed]
        at = stop
    return "".join([*parts, text[at:]])

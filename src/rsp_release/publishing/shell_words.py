"""What the words of a script expand to, and what tests say of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from . import shell_tools
from .shell_state import State
from .shell_syntax import Node, UnreadableScriptError, Word
from .unknown import bounded, is_known, unknown

__all__ = ["Words", "judge", "name_part", "print_words"]

_SPECIAL = {"@", "*", "#"}


class Words:
    """Expands words against a state."""

    def __init__(self, state: State) -> None:
        self.state = state

    def substitute(self, tree: Node) -> str:
        """Return what commands in ``$( )`` print."""
        raise NotImplementedError

    def variable(self, name: str) -> str:
        """Return a variable; one that nobody set is unknown."""
        if name.isdigit() or name in _SPECIAL:
            return self.state.variables.get(name, "")
        return self.state.variables.get(name, unknown(name))

    def value(self, word: Word) -> str:
        """Expand a word to one text."""
        return bounded("".join(self._part(part) for part in word))

    def fields(self, words: Sequence[Word]) -> list[str]:
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
        if len(fields) > shell_tools.MAX_FIELDS:
            raise UnreadableScriptError
        return fields

    def _part(self, part: tuple[object, ...]) -> str:
        match part:
            case ("text", str(text), _):
                return text
            case ("command", tuple(tree), _):
                return self.substitute(tree).rstrip("\n")
            case ("variable", str(name), str(op), list(argument), _):
                return self._expand(name, op, argument)
            case _:
                raise UnreadableScriptError

    def _expand(self, name: str, op: str, argument: Word) -> str:
        value = self.variable(name)
        if not op or op in {"?", ":?"}:
            return value
        if not is_known(value):
            return unknown(name)
        if op in {"-", ":-", "=", ":="}:
            value = value or self.value(argument)
            if op in {"=", ":="}:
                self.state.variables[name] = value
            return value
        if op in {"+", ":+"}:
            return self.value(argument) if value else ""
        if op[0] == "/":
            made = self._replaced(value, op, argument)
            return unknown(name) if made is None else made
        text = self.value(argument)
        if not is_known(text):
            return unknown(name)
        made = _transform(value, op, text, argument)
        return unknown(name) if made is None else made

    def _replaced(self, value: str, op: str, word: Word) -> str | None:
        """Carry out ``${x/p/r}``, which an unquoted slash divides."""
        divides = [
            at
            for at, part in enumerate(word)
            if at and part == ("text", "/", False)
        ]
        at = divides[0] if divides else len(word)
        old, new = self.value(word[:at]), self.value(word[at + 1 :])
        if not is_known(old) or "&" in new:
            return None
        return shell_tools.replace(value, op, old, new)


def _transform(value: str, op: str, text: str, word: Word) -> str | None:
    """Carry out the expansions that cut, replace and change case."""
    if op == "length":
        return str(len(value))
    if op in {",,", "^^"} and not text:
        return value.lower() if op == ",," else value.upper()
    if op[0] in "#%":
        if any(part[-1] and set(str(part[1])) & set("*?") for part in word):
            return None
        return shell_tools.trim(value, op, text)
    if op == ":" and re.fullmatch(r"[0-9]{1,4}(:[0-9]{1,4})?", text):
        start, _, length = text.partition(":")
        end = int(start) + int(length) if length else None
        return value[int(start) : end]
    return None


def judge(name: str, arguments: Sequence[str]) -> int | None:
    """Return the status of ``[``, ``[[`` or ``test``, if it is known.

    Raises
    ------
    UnreadableScriptError
        Raised if the test isn't closed.
    """
    words = list(arguments)
    closing = {"[": "]", "[[": "]]"}.get(name)
    if closing and (not words or words.pop() != closing):
        raise UnreadableScriptError
    truth = _truth(words, is_pattern=name == "[[")
    return None if truth is None else int(not truth)


def _truth(words: list[str], *, is_pattern: bool) -> bool | None:
    for joint, decisive in (("||", True), ("&&", False)):
        if joint in words:
            at = words.index(joint)
            sides = [
                _truth(words[:at], is_pattern=is_pattern),
                _truth(words[at + 1 :], is_pattern=is_pattern),
            ]
            if decisive in sides:
                return decisive
            return None if None in sides else not decisive
    if words[:1] == ["!"]:
        truth = _truth(words[1:], is_pattern=is_pattern)
        return None if truth is None else not truth
    if not all(is_known(word) for word in words):
        return None
    match words:
        case ["-z", text]:
            return not text
        case ["-n", text] | [text]:
            return bool(text)
        case [left, "=" | "==" | "!=" as op, right]:
            same: bool | None = left == right
            if is_pattern:
                same = shell_tools.glob_matches(right, left)
            return None if same is None else same is (op != "!=")
        case _:
            return None


def print_words(name: str, arguments: Sequence[str]) -> str:
    """Return what ``echo`` or ``printf`` prints."""
    words = list(arguments)
    if name == "echo":
        ends = "\n"
        while words and words[0] in {"-n", "-e", "-ne", "-en", "-E"}:
            if "n" in words[0]:
                ends = ""
            if "e" in words[0] and "\\" in "".join(words):
                return unknown("echo")
            words = words[1:]
        return bounded(" ".join(words) + ends)
    if not words:
        return ""
    pieces = words[0].replace("\\n", "\n").split("%s")
    if len(pieces) != len(words) or re.search(r"[%\\]", "".join(pieces)):
        return unknown("printf")
    made = pieces[0]
    for value, piece in zip(words[1:], pieces[1:], strict=True):
        made += value + piece
    return bounded(made)


def name_part(name: str, arguments: Sequence[str]) -> str:
    """Return what ``basename`` or ``dirname`` prints."""
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

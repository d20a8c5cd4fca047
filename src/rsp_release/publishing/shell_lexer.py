"""Reading the words of a shell script.

The rules are those of POSIX.1-2024, chapter "Shell Command Language", sections
2.2 (quoting), 2.6 (word expansions) and 2.7.4 (here-documents).
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

__all__ = ["BREAK", "Node", "UnreadableScriptError", "Word", "WordReader"]

Node: TypeAlias = tuple[Any, ...]
"""A command: its kind first."""

Word: TypeAlias = list[tuple[Any, ...]]
"""A word: parts that are text, a variable, or a command's output.

The last item of each part says whether it is quoted.
"""

BREAK = " \t\n;&|()<>"
"""Characters that end a word."""

_MAX_DEPTH = 40
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_EXPANSION = re.compile(r":?[-=?+]|##?|%%?|//?|,,?|\^\^?|:")


class UnreadableScriptError(Exception):
    """The script uses something that isn't read here."""


class WordReader:
    """Reads characters, words and here-documents.

    Parameters
    ----------
    text
        The script.
    depth
        How deep in commands and expansions it already is.
    """

    def __init__(self, text: str, depth: int = 0) -> None:
        self.text = text
        self.at = 0
        self._depth = depth
        self._documents: list[tuple[Word, str, bool, bool]] = []

    def commands(self, ends: tuple[str, ...]) -> Node:
        """Read the commands of a substitution."""
        raise NotImplementedError

    def deeper(self, by: int) -> None:
        """Go down into something nested, or come up again."""
        self._depth += by
        if self._depth > _MAX_DEPTH:
            raise UnreadableScriptError

    def announce(self, body: Word, delimiter: Word, *, strips: bool) -> None:
        """Note that a here-document follows this line."""
        if any(part[0] != "text" for part in delimiter):
            raise UnreadableScriptError
        text = "".join(part[1] for part in delimiter)
        is_quoted = any(part[2] for part in delimiter)
        self._documents.append((body, text, is_quoted, strips))

    def is_at_end(self) -> bool:
        return self.at >= len(self.text)

    # -- Characters ---------------------------------------------------------

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += len(text)
            return True
        return False

    def blank(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\r":
            self.at += 1
        if self.peek("#"):
            end = self.text.find("\n", self.at)
            self.at = end if end >= 0 else len(self.text)

    def newlines(self) -> None:
        self.blank()
        while self.take("\n"):
            self._read_documents()
            self.blank()

    def _read_documents(self) -> None:
        """Read the here-documents that were announced on this line."""
        documents, self._documents = self._documents, []
        for target, delimiter, is_quoted, strips in documents:
            lines = []
            while True:
                if self.is_at_end():
                    raise UnreadableScriptError
                end = self.text.find("\n", self.at)
                end = end if end >= 0 else len(self.text)
                line = self.text[self.at : end]
                self.at = end + 1
                line = line.lstrip("\t") if strips else line
                if line.strip("\r") == delimiter:
                    break
                lines.append(line + "\n")
            self.at -= 1
            body = "".join(lines)
            if is_quoted:
                target.append(("text", body, True))
            else:
                target.extend(type(self)(body, self._depth).quoted(""))

    # -- Words --------------------------------------------------------------

    def word(self) -> Word | None:
        """Read a word, or nothing where a word doesn't start."""
        self.blank()
        parts: Word = []
        start = self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in BREAK and not (
                char in "<>()" and self._is_process(parts)
            ):
                break
            self.at += 1
            if char == "'":
                end = self.text.find("'", self.at)
                if end < 0:
                    raise UnreadableScriptError
                parts.append(("text", self.text[self.at : end], True))
                self.at = end + 1
            elif char == '"':
                parts.append(("text", "", True))
                parts.extend(self.quoted('"'))
            elif char == "\\":
                parts.append(("text", self.text[self.at : self.at + 1], True))
                self.at += 1
            elif char in "$`":
                parts.append(self._expansion(char, is_quoted=False))
            else:
                parts.append(("text", char, False))
        return parts if self.at > start else None

    def _is_process(self, parts: Word) -> bool:
        if self.peek("<(") or self.peek(">("):
            raise UnreadableScriptError
        return False

    def quoted(self, end: str) -> Word:
        """Read up to the closing double quote, or to the end of the text."""
        parts: Word = []
        while True:
            if self.is_at_end():
                if end:
                    raise UnreadableScriptError
                return parts
            char = self.text[self.at]
            self.at += 1
            if char == end:
                return parts
            if char == "\\" and self.text[self.at : self.at + 1] in set(
                '$`"\\'
            ):
                parts.append(("text", self.text[self.at], True))
                self.at += 1
            elif char in "$`":
                parts.append(self._expansion(char, is_quoted=True))
            else:
                parts.append(("text", char, True))

    def _expansion(self, char: str, *, is_quoted: bool) -> tuple[Any, ...]:
        """Read what follows a dollar sign or a backquote."""
        if char == "`":
            end = self.text.find("`", self.at)
            if end < 0:
                raise UnreadableScriptError
            inner = type(self)(
                self.text[self.at : end].replace("\\", ""), self._depth
            )
            self.at = end + 1
            return ("command", inner.commands(()), is_quoted)
        if self.take("(("):
            raise UnreadableScriptError
        if self.take("("):
            tree = self.commands((")",))
            if not self.take(")"):
                raise UnreadableScriptError
            return ("command", tree, is_quoted)
        if self.take("{"):
            return self._braces(is_quoted=is_quoted)
        if not is_quoted and self.peek("'"):
            raise UnreadableScriptError
        match = _PARAMETER.match(self.text, self.at)
        if not match:
            return ("text", "$", is_quoted)
        name = match[0] if not match[0].isdigit() else match[0][0]
        self.at += len(name)
        return ("variable", name, "", [], is_quoted)

    def _braces(self, *, is_quoted: bool) -> tuple[Any, ...]:
        measures = self.peek("#") and not self.peek("#}")
        self.at += measures
        match = _PARAMETER.match(self.text, self.at)
        if not match:
            raise UnreadableScriptError
        self.at = match.end()
        if self.take("}"):
            op = "length" if measures else ""
            return ("variable", match[0], op, [], is_quoted)
        op_match = _EXPANSION.match(self.text, self.at)
        if not op_match or measures:
            raise UnreadableScriptError
        self.at = op_match.end()
        self.deeper(1)
        argument = self._until_brace()
        self.deeper(-1)
        return ("variable", match[0], op_match[0], argument, is_quoted)

    def _until_brace(self) -> Word:
        parts: Word = []
        while not self.is_at_end():
            char = self.text[self.at]
            self.at += 1
            if char == "}":
                return parts
            if char == "\\":
                parts.append(("text", self.text[self.at : self.at + 1], True))
                self.at += 1
            elif char == '"':
                parts.extend(self.quoted('"'))
            elif char == "'":
                end = self.text.find("'", self.at)
                if end < 0:
                    raise UnreadableScriptError
                parts.append(("text", self.text[self.at : end], True))
                self.at = end + 1
            elif char in "$`":
                parts.append(self._expansion(char, is_quoted=False))
            else:
                parts.append(("text", char, False))
        raise UnreadableScriptError

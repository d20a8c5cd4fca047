"""The part of the shell's grammar that release workflows use.

A script becomes a tree of tuples; what stands outside of this grammar makes
the whole script unreadable, which is an answer: what it does is then unknown.
The grammar is that of POSIX.1-2024, chapter "Shell Command Language", with
bash's ``[[ ]]``, here strings and pattern substitution.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

__all__ = ["Node", "UnreadableScriptError", "Word", "parse"]

Node: TypeAlias = tuple[Any, ...]
"""A command: its kind first."""

Word: TypeAlias = list[tuple[Any, ...]]
"""A word: parts that are text, a variable, or a command's output."""

_MAX_LENGTH = 1 << 16
_MAX_DEPTH = 40
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_EXPANSION = re.compile(r":?[-=?+]|##?|%%?|//?|,,?|\^\^?|:")
_BREAK = " \t\n;&|()<>"
_RESERVED = {
    "case", "do", "done", "elif", "else", "esac", "fi", "for", "function",
    "if", "in", "select", "then", "until", "while", "{", "}", "!", "time",
}  # fmt: skip


class UnreadableScriptError(Exception):
    """The script uses something that isn't read here."""


def parse(script: str) -> Node:
    """Parse a script.

    Parameters
    ----------
    script
        The script's text.

    Returns
    -------
    tuple
        The commands in order.

    Raises
    ------
    UnreadableScriptError
        Raised if it holds something outside of the grammar.
    """
    if len(script) > _MAX_LENGTH:
        raise UnreadableScriptError
    reader = _Reader(script.replace("\\\r\n", "").replace("\\\n", ""))
    tree = reader.commands(())
    if not reader.is_at_end():
        raise UnreadableScriptError
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._documents: list[tuple[Word, str, bool, bool]] = []

    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    # -- Characters ---------------------------------------------------------

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        if self._peek(text):
            self._at += len(text)
            return True
        return False

    def _blank(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t\r":
            self._at += 1
        if self._peek("#"):
            end = self._text.find("\n", self._at)
            self._at = end if end >= 0 else len(self._text)

    def _newlines(self) -> None:
        self._blank()
        while self._take("\n"):
            self._read_documents()
            self._blank()

    def _read_documents(self) -> None:
        """Read the here-documents that were announced on this line."""
        documents, self._documents = self._documents, []
        for target, delimiter, is_quoted, strips in documents:
            lines = []
            while True:
                if self.is_at_end():
                    raise UnreadableScriptError
                end = self._text.find("\n", self._at)
                end = end if end >= 0 else len(self._text)
                line = self._text[self._at : end]
                self._at = end + 1
                line = line.lstrip("\t") if strips else line
                if line.strip("\r") == delimiter:
                    break
                lines.append(line + "\n")
            self._at -= 1
            body = "".join(lines)
            if is_quoted:
                target.append(("text", body, True))
            else:
                inner = _Reader(body)
                target.extend(inner._quoted(""))  # noqa: SLF001

    def _keyword(self) -> str | None:
        """Return the reserved word that stands here, without taking it."""
        end = self._at
        while end < len(self._text) and self._text[end] not in _BREAK:
            end += 1
        word = self._text[self._at : end]
        return word if word in _RESERVED else None

    def _need(self, keyword: str) -> None:
        self._newlines()
        if self._keyword() != keyword:
            raise UnreadableScriptError
        self._at += len(keyword)

    # -- Commands -----------------------------------------------------------

    def commands(self, ends: tuple[str, ...]) -> Node:
        """Read commands up to one of the words that end them."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadableScriptError
        found = []
        while True:
            self._newlines()
            if self.is_at_end() or self._keyword() in ends:
                break
            if any(self._peek(end) for end in ends if end in {")", ";;"}):
                break
            found.append(self._chain())
            self._blank()
            if self._peek(";;"):
                break
            if not self._take(";") and self._take("&"):
                raise UnreadableScriptError
        self._depth -= 1
        return ("list", found)

    def _chain(self) -> Node:
        links = [("&&", self._pipeline())]
        while True:
            self._blank()
            op = "&&" if self._take("&&") else "||" if self._take("||") else ""
            if not op:
                return ("chain", links)
            self._newlines()
            links.append((op, self._pipeline()))

    def _pipeline(self) -> Node:
        self._blank()
        negated = False
        while self._keyword() == "!":
            self._at += 1
            negated = not negated
            self._blank()
        commands = [self._command()]
        while True:
            self._blank()
            if self._peek("||") or not self._take("|"):
                return ("pipe", commands, negated)
            self._newlines()
            commands.append(self._command())

    def _command(self) -> Node:
        self._blank()
        keyword = self._keyword()
        if keyword == "if":
            node = self._if()
        elif keyword == "for":
            node = self._for()
        elif keyword == "case":
            node = self._case()
        elif keyword == "{":
            self._at += 1
            node = ("group", self.commands(("}",)))
            self._need("}")
        elif self._peek("("):
            self._at += 1
            node = ("subshell", self.commands((")",)))
            if not self._take(")"):
                raise UnreadableScriptError
        elif keyword:
            raise UnreadableScriptError
        else:
            return self._simple()
        return ("redirected", node, self._redirects())

    def _if(self) -> Node:
        branches = []
        otherwise = None
        self._at += 2
        while True:
            test = self.commands(("then",))
            self._need("then")
            branches.append((test, self.commands(("elif", "else", "fi"))))
            self._newlines()
            keyword = self._keyword()
            if keyword == "elif":
                self._at += 4
                continue
            if keyword == "else":
                self._at += 4
                otherwise = self.commands(("fi",))
            self._need("fi")
            return ("if", branches, otherwise)

    def _for(self) -> Node:
        self._at += 3
        self._blank()
        match = _NAME.match(self._text, self._at)
        if not match:
            raise UnreadableScriptError
        self._at = match.end()
        self._need("in")
        words = []
        while word := self._word():
            words.append(word)
        self._blank()
        self._take(";")
        self._need("do")
        body = self.commands(("done",))
        self._need("done")
        return ("for", match[0], words, body)

    def _case(self) -> Node:
        self._at += 4
        subject = self._word()
        self._need("in")
        arms = []
        while True:
            self._newlines()
            if self._keyword() == "esac":
                self._at += 4
                return ("case", subject or [], arms)
            self._take("(")
            patterns = []
            while word := self._word():
                patterns.append(word)
                self._blank()
                if not self._take("|"):
                    break
            if not patterns or not self._take(")"):
                raise UnreadableScriptError
            body = self.commands((";;", "esac"))
            arms.append((patterns, body))
            self._newlines()
            if not self._take(";;") and self._keyword() != "esac":
                raise UnreadableScriptError

    def _redirects(self) -> list[tuple[str, Word]]:
        found = []
        while redirect := self._redirect():
            found.append(redirect)
        return found

    def _redirect(self) -> tuple[str, Word] | None:
        self._blank()
        match = re.compile(r"([0-9]?|&)(>>|>&|>|<<<|<<-|<<|<)").match(
            self._text, self._at
        )
        if not match:
            return None
        self._at = match.end()
        self._blank()
        stream, op = match[1], match[2]
        if op in {"<<", "<<-"}:
            delimiter = self._word()
            if not delimiter or any(p[0] != "text" for p in delimiter):
                raise UnreadableScriptError
            body: Word = []
            self._documents.append(
                (
                    body,
                    "".join(part[1] for part in delimiter),
                    any(part[2] for part in delimiter),
                    op == "<<-",
                )
            )
            return ("<<<", body)
        word = self._word()
        if not word:
            raise UnreadableScriptError
        if stream == "2" or op == ">&":
            return ("ignored", word)
        if op == "<<<":
            word = [*word, ("text", "\n", True)]
        return (op, word)

    def _simple(self) -> Node:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[tuple[str, Word]] = []
        while True:
            self._blank()
            if redirect := self._redirect():
                redirects.append(redirect)
                continue
            match = _ASSIGNMENT.match(self._text, self._at)
            if match and not words:
                self._at = match.end()
                if self._peek("("):
                    raise UnreadableScriptError
                assignments.append((match[0][:-1], self._word() or []))
                continue
            word = self._word()
            if not word:
                break
            words.append(word)
        if len(words) == 1 and self._take("()"):
            self._newlines()
            name = "".join(str(part[1]) for part in words[0])
            return ("function", name, self._command())
        if not (assignments or words or redirects):
            raise UnreadableScriptError
        return ("simple", assignments, words, redirects)

    # -- Words --------------------------------------------------------------

    def _word(self) -> Word | None:
        """Read a word, or nothing where a word doesn't start."""
        self._blank()
        parts: Word = []
        start = self._at
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in _BREAK and not (
                char in "<>()" and self._is_process(parts)
            ):
                break
            self._at += 1
            if char == "'":
                end = self._text.find("'", self._at)
                if end < 0:
                    raise UnreadableScriptError
                parts.append(("text", self._text[self._at : end], True))
                self._at = end + 1
            elif char == '"':
                parts.append(("text", "", True))
                parts.extend(self._quoted('"'))
            elif char == "\\":
                parts.append(
                    ("text", self._text[self._at : self._at + 1], True)
                )
                self._at += 1
            elif char in "$`":
                parts.append(self._expansion(char, is_quoted=False))
            else:
                parts.append(("text", char, False))
        return parts if self._at > start else None

    def _is_process(self, parts: Word) -> bool:
        if self._peek("<(") or self._peek(">("):
            raise UnreadableScriptError
        return False

    def _quoted(self, end: str) -> Word:
        """Read up to the closing double quote, or to the end of the text."""
        parts: Word = []
        while True:
            if self.is_at_end():
                if end:
                    raise UnreadableScriptError
                return parts
            char = self._text[self._at]
            self._at += 1
            if char == end:
                return parts
            if char == "\\" and self._text[self._at : self._at + 1] in set(
                '$`"\\'
            ):
                parts.append(("text", self._text[self._at], True))
                self._at += 1
            elif char in "$`":
                parts.append(self._expansion(char, is_quoted=True))
            else:
                parts.append(("text", char, True))

    def _expansion(self, char: str, *, is_quoted: bool) -> tuple[Any, ...]:
        """Read what follows a dollar sign or a backquote."""
        if char == "`":
            end = self._text.find("`", self._at)
            if end < 0:
                raise UnreadableScriptError
            inner = _Reader(self._text[self._at : end].replace("\\", ""))
            inner._depth = self._depth  # noqa: SLF001
            self._at = end + 1
            return ("command", inner.commands(()), is_quoted)
        if self._take("(("):
            raise UnreadableScriptError
        if self._take("("):
            tree = self.commands((")",))
            if not self._take(")"):
                raise UnreadableScriptError
            return ("command", tree, is_quoted)
        if self._take("{"):
            return self._braces(is_quoted=is_quoted)
        if not is_quoted and self._peek("'"):
            raise UnreadableScriptError
        match = _PARAMETER.match(self._text, self._at)
        if not match:
            return ("text", "$", is_quoted)
        name = match[0] if not match[0].isdigit() else match[0][0]
        self._at += len(name)
        return ("variable", name, "", [], is_quoted)

    def _braces(self, *, is_quoted: bool) -> tuple[Any, ...]:
        measures = self._peek("#") and not self._peek("#}")
        self._at += measures
        match = _PARAMETER.match(self._text, self._at)
        if not match:
            raise UnreadableScriptError
        self._at = match.end()
        if self._take("}"):
            op = "length" if measures else ""
            return ("variable", match[0], op, [], is_quoted)
        op_match = _EXPANSION.match(self._text, self._at)
        if not op_match or measures:
            raise UnreadableScriptError
        self._at = op_match.end()
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadableScriptError
        argument = self._until_brace()
        self._depth -= 1
        return ("variable", match[0], op_match[0], argument, is_quoted)

    def _until_brace(self) -> Word:
        parts: Word = []
        while not self.is_at_end():
            char = self._text[self._at]
            self._at += 1
            if char == "}":
                return parts
            if char == "\\":
                parts.append(
                    ("text", self._text[self._at : self._at + 1], True)
                )
                self._at += 1
            elif char == '"':
                parts.extend(self._quoted('"'))
            elif char == "'":
                end = self._text.find("'", self._at)
                if end < 0:
                    raise UnreadableScriptError
                parts.append(("text", self._text[self._at : end], True))
                self._at = end + 1
            elif char in "$`":
                parts.append(self._expansion(char, is_quoted=False))
            else:
                parts.append(("text", char, False))
        raise UnreadableScriptError

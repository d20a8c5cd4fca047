"""The part of the shell's grammar that release workflows use.

A script becomes a tree of tuples; what stands outside of this grammar makes
the whole script unreadable, which is an answer: what it does is then unknown.
The grammar is that of POSIX.1-2024, chapter "Shell Command Language", with
bash's ``[[ ]]``, here strings and pattern substitution.
"""

from __future__ import annotations

import re

from .shell_lexer import BREAK, Node, UnreadableScriptError, Word, WordReader

__all__ = ["Node", "UnreadableScriptError", "Word", "parse"]

_MAX_LENGTH = 1 << 16
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_RESERVED = {
    "case", "do", "done", "elif", "else", "esac", "fi", "for", "function",
    "if", "in", "select", "then", "until", "while", "{", "}", "!", "time",
}  # fmt: skip


_TEST: Word = [("text", "[", False)] * 2
_TEST_END: Word = [("text", "]", False)] * 2


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


def _require_plain(words: list[Word]) -> None:
    """Refuse a test whose pattern is quoted: it means another thing then."""
    for word in words:
        for part in word:
            if part[0] == "text" and part[2] and set(part[1]) & set("*?"):
                raise UnreadableScriptError


class _Reader(WordReader):
    def _keyword(self) -> str | None:
        """Return the reserved word that stands here, without taking it."""
        end = self.at
        while end < len(self.text) and self.text[end] not in BREAK:
            end += 1
        word = self.text[self.at : end]
        return word if word in _RESERVED else None

    def _need(self, keyword: str) -> None:
        self.newlines()
        if self._keyword() != keyword:
            raise UnreadableScriptError
        self.at += len(keyword)

    # -- Commands -----------------------------------------------------------

    def commands(  # type: ignore[explicit-override]
        self, ends: tuple[str, ...]
    ) -> Node:
        """Read commands up to one of the words that end them."""
        self.deeper(1)
        found = []
        while True:
            self.newlines()
            if self.is_at_end() or self._keyword() in ends:
                break
            if any(self.peek(end) for end in ends if end in {")", ";;"}):
                break
            found.append(self._chain())
            self.blank()
            if self.peek(";;"):
                break
            if not self.take(";") and self.take("&"):
                raise UnreadableScriptError
        self.deeper(-1)
        return ("list", found)

    def _chain(self) -> Node:
        links = [("&&", self._pipeline())]
        while True:
            self.blank()
            op = "&&" if self.take("&&") else "||" if self.take("||") else ""
            if not op:
                return ("chain", links)
            self.newlines()
            links.append((op, self._pipeline()))

    def _pipeline(self) -> Node:
        self.blank()
        negated = False
        while self._keyword() == "!":
            self.at += 1
            negated = not negated
            self.blank()
        commands = [self._command()]
        while True:
            self.blank()
            if self.peek("||") or not self.take("|"):
                return ("pipe", commands, negated)
            self.newlines()
            commands.append(self._command())

    def _command(self) -> Node:
        self.blank()
        keyword = self._keyword()
        if keyword == "if":
            node = self._if()
        elif keyword == "for":
            node = self._for()
        elif keyword == "case":
            node = self._case()
        elif keyword == "{":
            self.at += 1
            node = ("group", self.commands(("}",)))
            self._need("}")
        elif self.peek("("):
            self.at += 1
            node = ("subshell", self.commands((")",)))
            if not self.take(")"):
                raise UnreadableScriptError
        elif keyword:
            raise UnreadableScriptError
        else:
            return self._simple()
        return ("redirected", node, self._redirects())

    def _if(self) -> Node:
        branches = []
        otherwise = None
        self.at += 2
        while True:
            test = self.commands(("then",))
            self._need("then")
            branches.append((test, self.commands(("elif", "else", "fi"))))
            self.newlines()
            keyword = self._keyword()
            if keyword == "elif":
                self.at += 4
                continue
            if keyword == "else":
                self.at += 4
                otherwise = self.commands(("fi",))
            self._need("fi")
            return ("if", branches, otherwise)

    def _for(self) -> Node:
        self.at += 3
        self.blank()
        match = _NAME.match(self.text, self.at)
        if not match:
            raise UnreadableScriptError
        self.at = match.end()
        self._need("in")
        words = []
        while word := self.word():
            words.append(word)
        self.blank()
        self.take(";")
        self._need("do")
        body = self.commands(("done",))
        self._need("done")
        return ("for", match[0], words, body)

    def _case(self) -> Node:
        self.at += 4
        subject = self.word()
        self._need("in")
        arms: list[tuple[list[Word], Node]] = []
        while True:
            self.newlines()
            if self._keyword() == "esac":
                self.at += 4
                return ("case", subject or [], arms)
            self.take("(")
            patterns = []
            while word := self.word():
                patterns.append(word)
                self.blank()
                if not self.take("|"):
                    break
            if not patterns or not self.take(")"):
                raise UnreadableScriptError
            body = self.commands((";;", "esac"))
            arms.append((patterns, body))
            self.newlines()
            if not self.take(";;") and self._keyword() != "esac":
                raise UnreadableScriptError

    def _redirects(self) -> list[tuple[str, Word]]:
        found = []
        while redirect := self._redirect():
            found.append(redirect)
        return found

    def _redirect(self) -> tuple[str, Word] | None:
        self.blank()
        match = re.compile(r"([0-9]?|&)(>>|>&|>|<<<|<<-|<<|<)").match(
            self.text, self.at
        )
        if not match:
            return None
        self.at = match.end()
        self.blank()
        stream, op = match[1], match[2]
        if op in {"<<", "<<-"}:
            delimiter = self.word()
            if not delimiter:
                raise UnreadableScriptError
            body: Word = []
            self.announce(body, delimiter, strips=op == "<<-")
            return ("<<<", body)
        word = self.word()
        if not word:
            raise UnreadableScriptError
        if stream == "2" or op == ">&":
            return ("ignored", word)
        if op == "<<<":
            word = [*word, ("text", "\n", True)]
        return (op, word)

    def _simple(self) -> Node:  # noqa: C901
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[tuple[str, Word]] = []
        while True:
            self.blank()
            if words and words[0] == _TEST:
                if joint := self._joint():
                    words.append([("text", joint, False)])
                    continue
                if self.text[self.at : self.at + 1] in {"<", ">", "("}:
                    raise UnreadableScriptError
            elif redirect := self._redirect():
                redirects.append(redirect)
                continue
            match = _ASSIGNMENT.match(self.text, self.at)
            if match and not words:
                self.at = match.end()
                if self.peek("("):
                    raise UnreadableScriptError
                assignments.append((match[0][:-1], self.word() or []))
                continue
            word = self.word()
            if not word:
                break
            words.append(word)
            if word == _TEST_END and words[0] == _TEST:
                break
        if words and words[0] == _TEST:
            _require_plain(words)
        if len(words) == 1 and self.take("()"):
            self.newlines()
            name = "".join(str(part[1]) for part in words[0])
            return ("function", name, self._command())
        if not (assignments or words or redirects):
            raise UnreadableScriptError
        return ("simple", assignments, words, redirects)

    def _joint(self) -> str | None:
        """Take what joins the parts of a test in double brackets."""
        return next((j for j in ("&&", "||") if self.take(j)), None)

"""What ``sed``, ``tr``, ``cut`` and the like make of a text.

Only forms that can be carried out exactly are; any other answer is `None`,
which means unknown. Patterns come from files that are not trusted, so none
becomes a regular expression of Python's, whose run time a pattern can choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from .unknown import is_known

__all__ = [
    "MAX_FIELDS",
    "glob_matches",
    "json_value",
    "json_wanted",
    "replace",
    "run_filter",
    "trim",
]

MAX_FIELDS = 1000
"""How many words a command may expand to."""

_MAX_TEXT = 1 << 12
_MAX_TRIMMED = 250
_SPECIAL = set(".*[]^$+?{}")


def run_filter(argv: Sequence[str], text: str) -> str | None:
    """Return what a program prints for its standard input.

    Parameters
    ----------
    argv
        The program's name and arguments.
    text
        Its standard input.

    Returns
    -------
    str or None
        Its output, or `None` if it can't be worked out.
    """
    if not all(is_known(argument) for argument in argv):
        return None
    if not is_known(text) or len(text) > _MAX_TEXT:
        return None
    match argv[0]:
        case "cat" if len(argv) == 1:
            return text
        case "sed":
            return _sed(argv[1:], text)
        case "tr":
            return _tr(argv[1:], text)
        case "cut":
            return _cut(argv[1:], text)
        case "head" | "tail":
            return _ends(argv, text)
        case "xargs" if len(argv) == 1:
            return " ".join(text.split()) + "\n"
        case _:
            return None


# -- sed --------------------------------------------------------------------


def _sed(  # noqa: C901
    arguments: Sequence[str], text: str
) -> str | None:
    is_extended = False
    scripts = []
    expects = False
    for argument in arguments:
        if expects:
            scripts.append(argument)
            expects = False
        elif argument in {"-E", "-r", "--regexp-extended"}:
            is_extended = True
        elif argument in {"-e", "--expression"}:
            expects = True
        elif argument in {"-Ee", "-re"}:
            is_extended = expects = True
        elif argument.startswith("-") or scripts:
            return None
        else:
            scripts.append(argument)
    if not scripts or expects:
        return None
    for script in scripts:
        for command in re.split(r"[;\n]", script):
            if not command.strip():
                continue
            lines = text.split("\n")
            changed = [
                _substitute(command.strip(), line, is_extended=is_extended)
                for line in lines
            ]
            text_or_none = _join(changed)
            if text_or_none is None:
                return None
            text = text_or_none
    return text


def _join(lines: Sequence[str | None]) -> str | None:
    known = [line for line in lines if line is not None]
    return "\n".join(known) if len(known) == len(lines) else None


def _substitute(command: str, line: str, *, is_extended: bool) -> str | None:
    """Carry out one ``s`` command of sed with a plain pattern."""
    if len(command) < 4 or command[0] != "s" or command[1] in "\\\n":
        return None
    fields = _fields(command[2:], command[1])
    if len(fields) != 3 or fields[2] not in {"", "g"}:
        return None
    pattern, replacement, flags = fields
    if "\\" in replacement or "&" in replacement:
        return None
    at_start = pattern.startswith("^")
    at_end = pattern.endswith("$") and not pattern.endswith("\\$")
    body = pattern[at_start : len(pattern) - at_end]
    choices = _alternatives(body, is_extended=is_extended)
    if choices is None or "" in choices:
        return None
    # POSIX takes the longest of the matches that begin leftmost.
    choices = sorted(choices, key=len, reverse=True)
    made = []
    at = 0
    while at < len(line):
        hit = next(
            (
                choice
                for choice in choices
                if line.startswith(choice, at)
                and not (at_start and at)
                and not (at_end and at + len(choice) != len(line))
            ),
            None,
        )
        if hit is None:
            made.append(line[at])
            at += 1
            continue
        made.append(replacement)
        at += len(hit)
        if flags != "g":
            break
    return "".join(made) + line[at:]


def _fields(text: str, delimiter: str) -> list[str]:
    fields = [""]
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] == delimiter:
            fields[-1] += delimiter
            at += 2
        elif text[at] == "\\":
            fields[-1] += text[at : at + 2]
            at += 2
        elif text[at] == delimiter:
            fields.append("")
            at += 1
        else:
            fields[-1] += text[at]
            at += 1
    return fields


def _alternatives(  # noqa: C901, PLR0912
    pattern: str, *, is_extended: bool
) -> list[str] | None:
    """List the texts that a pattern without repetition can match."""
    opening, bar, closing = (
        ("(", "|", ")") if is_extended else ("\\(", "\\|", "\\)")
    )
    done = [""]
    group: list[str] | None = None
    at = 0
    while at < len(pattern):
        for mark in (opening, bar, closing):
            if pattern.startswith(mark, at):
                at += len(mark)
                break
        else:
            mark = ""
        if mark == opening and group is None:
            group = [""]
        elif mark == bar and group is not None:
            group.append("")
        elif mark == closing and group is not None:
            done = [head + tail for head in done for tail in group]
            group = None
        elif mark or len(done) > 64:
            return None
        else:
            char = pattern[at]
            at += 1
            if char == "\\":
                char = pattern[at : at + 1]
                at += 1
                if not char or char.isalnum() or char in "?+{}<>`'":
                    return None
            elif char in _SPECIAL or (char in "()|{}" and is_extended):
                return None
            if group is None:
                done = [text + char for text in done]
            else:
                group[-1] += char
    return None if group is not None else done


# -- Others -----------------------------------------------------------------

_CLASSES = {
    "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
    "[:digit:]": "0123456789",
    "[:space:]": " \t\n\r\v\f",
}


def _characters(text: str) -> str | None:
    if text in _CLASSES:
        return _CLASSES[text]
    found = ""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
            char = {"n": "\n", "t": "\t", "\\": "\\"}.get(
                text[at : at + 1], ""
            )
            if not char:
                return None
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            first, last = ord(char), ord(text[at + 2])
            if not first <= last < 128:
                return None
            found += "".join(map(chr, range(first, last + 1)))
            at += 3
        elif char == "[":
            return None
        else:
            found += char
            at += 1
    return found


def _tr(arguments: Sequence[str], text: str) -> str | None:
    if len(arguments) != 2:
        return None
    if arguments[0] == "-d":
        unwanted = _characters(arguments[1])
        if unwanted is None:
            return None
        return "".join(char for char in text if char not in unwanted)
    before = _characters(arguments[0])
    after = _characters(arguments[1])
    if not before or not after or arguments[0].startswith("-"):
        return None
    after = after.ljust(len(before), after[-1])
    table = dict(zip(reversed(before), reversed(after), strict=False))
    if len(after) > len(before):
        table = dict(zip(before, after, strict=False))
    return "".join(table.get(char, char) for char in text)


def _cut(arguments: Sequence[str], text: str) -> str | None:
    joined = " ".join(arguments)
    match = re.fullmatch(
        r"-d ?(.) -f ?([0-9]{1,3})(-?)|-f ?([0-9]{1,3})(-?) -d ?(.)", joined
    )
    if match:
        delimiter = match[1] or match[6]
        first = int(match[2] or match[4])
        is_open = bool(match[3] or match[5])

        def one(line: str) -> str:
            fields = line.split(delimiter)
            if len(fields) == 1:
                return line
            last = len(fields) if is_open else first
            return delimiter.join(fields[first - 1 : last])

    else:
        match = re.fullmatch(r"-c ?([0-9]{0,4})(-?)([0-9]{0,4})", joined)
        if not match or not (match[1] or match[3]):
            return None
        start = int(match[1] or 1)
        end = int(match[3]) if match[3] else None if match[2] else start

        def one(line: str) -> str:
            return line[start - 1 : end]

    if first == 0 if "-f" in joined else start == 0:
        return None
    return "\n".join(one(line) for line in text.split("\n"))


def _ends(argv: Sequence[str], text: str) -> str | None:
    joined = " ".join(argv[1:])
    match = re.fullmatch(r"-n ?([0-9]{1,4})|-([0-9]{1,4})", joined)
    if not match:
        return None
    count = int(match[1] or match[2])
    lines = text.splitlines(keepends=True)
    if argv[0] == "head":
        return "".join(lines[:count])
    return "".join(lines[-count:] if count else [])


# -- Versions in JSON files -------------------------------------------------

_REQUIRE = re.compile(
    r"""(?:console\.log\()?\(?require\(['"](?P<path>\.{1,2}/[\w./@-]{1,200})['"]\)\)?"""
    r"""(?P<keys>(?:\.\w{1,50}){1,5})\)?;?"""
)


def json_wanted(argv: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return which key of which JSON file a program prints, if that's all.

    Parameters
    ----------
    argv
        The program's name and arguments, for ``node`` or ``jq``.
    """
    match list(argv):
        case ["node", "-p" | "-e" | "--print" | "--eval" as option, code]:
            found = _REQUIRE.fullmatch(code.strip())
            prints = option in {"-p", "--print"}
            if found and prints is not code.strip().startswith("console"):
                return found["path"], found["keys"][1:].split(".")
        case ["jq", "-r" | "--raw-output", query, path] | [
            "jq",
            query,
            "-r",
            path,
        ] if re.fullmatch(r"(\.\w{1,50}){1,5}", query):
            return path, query[1:].split(".")
        case _:
            pass
    return None


def json_value(text: str, keys: Sequence[str]) -> str | None:
    """Return a text in a JSON document, or `None` if there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


# -- The shell's own patterns -----------------------------------------------


def glob_matches(pattern: str, text: str) -> bool | None:
    """Return whether a shell pattern matches a text; `None`: can't tell."""
    if any(char in pattern for char in "[]\\(){}"):
        return None
    at = there = 0
    star, mark = -1, 0
    while there < len(text):
        char = pattern[at : at + 1]
        if char == "*":
            star, mark = at, there
            at += 1
        elif char and char in {"?", text[there]}:
            at += 1
            there += 1
        elif star >= 0:
            mark += 1
            at, there = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def trim(text: str, op: str, pattern: str) -> str | None:
    """Carry out ``${x#p}``, ``${x##p}``, ``${x%p}`` or ``${x%%p}``."""
    if len(text) > _MAX_TRIMMED or len(pattern) > _MAX_TRIMMED:
        return None
    lengths = range(len(text) + 1)
    for length in reversed(lengths) if len(op) == 2 else lengths:
        part = text[:length] if op[0] == "#" else text[len(text) - length :]
        matched = glob_matches(pattern, part)
        if matched is None:
            return None
        if matched:
            cut = len(text) - length
            return text[length:] if op[0] == "#" else text[:cut]
    return text


def replace(text: str, op: str, pattern: str, by: str) -> str | None:
    """Carry out ``${x/p/r}`` or ``${x//p/r}`` for a pattern that is text."""
    if not pattern or any(char in pattern for char in "*?[]\\#%"):
        return None
    return text.replace(pattern, by, 1 if op == "/" else -1)

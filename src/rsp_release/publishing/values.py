"""Values in GitHub's expressions: how they convert and compare.

The rules are those of "Evaluate expressions in workflows and actions" in
GitHub's documentation.
"""

from __future__ import annotations

import math
import operator
import re
from typing import Any

from .unknown import is_known

__all__ = [
    "both",
    "compare",
    "equal",
    "is_true",
    "list_of",
    "mapping_of",
    "number",
    "text_of",
]


_ORDER = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def number(value: Any) -> float:
    """Coerce to a number as GitHub does; not a number if it is none."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    if isinstance(value, str):
        text = value.strip()
        try:
            if re.fullmatch(r"[+-]?0x[0-9a-fA-F]{1,13}", text):
                return float(int(text, 16))
            if re.fullmatch(r"[0-9eE.+-]{1,40}", text):
                return float(text)
        except (ValueError, OverflowError):
            return float("nan")
        return 0.0 if not text else float("nan")
    return float("nan")


def text_of(value: Any) -> str:
    """Coerce to text as GitHub does."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = f"{number(value):.15G}"
        return {"NAN": "NaN", "INF": "Infinity", "-INF": "-Infinity"}.get(
            text, text
        )
    if isinstance(value, list):
        return "Array"
    if isinstance(value, dict):
        return "Object"
    return str(value)


def is_true(value: Any) -> bool | None:
    """Return whether a value counts as true; `None` if not known."""
    if isinstance(value, str) and not is_known(value):
        return None
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value == value and value != 0  # noqa: PLR0124
    return bool(value) or isinstance(value, dict | list)


def equal(left: Any, right: Any) -> bool:
    """Return whether two known values are equal for GitHub."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return left is right
    if left is None and right is None:
        return True
    if isinstance(left, bool) and isinstance(right, bool):
        return left is right
    return number(left) == number(right)


def compare(op: str, left: Any, right: Any) -> bool:
    """Compare two known values by an operator of the expressions."""
    if op in {"==", "!="}:
        return equal(left, right) is (op == "==")
    if isinstance(left, str) and isinstance(right, str):
        return bool(_ORDER[op](left.lower(), right.lower()))
    return bool(_ORDER[op](number(left), number(right)))


def mapping_of(value: Any) -> dict[str, Any]:
    """Return a mapping as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """Return a list as it is, nothing as an empty one, else a list of it."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def both(*truths: bool | None) -> bool | None:
    """Return whether all hold; `None` where that isn't known."""
    if False in truths:
        return False
    return None if None in truths else True

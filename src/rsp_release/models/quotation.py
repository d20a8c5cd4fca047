"""Keeps quoted Markdown from notifying people and closing issues. Pure."""

from __future__ import annotations

import re

__all__ = ["mute"]

_CLOSES = r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b"
"""What before an issue closes it, when a pull request is merged.

https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
"""

_SKIPS = r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]"
"""What in a commit's message keeps workflows from starting.

A squashed pull request's description becomes a commit's message.
https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
"""

_GAP = "\u200b"


def mute(text: str, *, keeps_links: bool) -> str:
    """Keep a quoted text from notifying people, and from doing anything.

    Parameters
    ----------
    text
        Markdown that somebody else wrote, for a pull request's description.
    keeps_links
        Whether the numbers of issues may lead to them: in another repository
        they would lead to other issues.

    Returns
    -------
    str
        Markdown that reads the same.
    """
    text = re.sub(r"(?<![\w/&])@(?=\w)", f"@{_GAP}", text)
    if keeps_links:
        issue = rf"{_CLOSES}:?\s+(?:[\w.-]+/[\w.-]+)?#"
        text = re.sub(rf"(?i)({issue})(?=\d)", rf"\1{_GAP}", text)
    else:
        text = re.sub(r"(?<![\w/&])#(?=\w)", f"#{_GAP}", text)
        text = re.sub(r"(?<=[\w.-])#(?=\d)", f"#{_GAP}", text)
    text = re.sub(rf"(?i)({_CLOSES})(?=:?\s+https?:)", rf"\1{_GAP}", text)
    text = re.sub(rf"(?i){_SKIPS}", rf"[{_GAP}\1]", text)
    return re.sub(r"(?im)^(skip-checks)(?=:)", rf"\1{_GAP}", text)

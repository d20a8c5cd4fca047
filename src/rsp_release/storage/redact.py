"""Takes secrets out of text that others wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Redactor"]

_USERINFO = re.compile(r"(?<=://)[^/@\s'\"]+@")


class Redactor:
    """Takes secrets out of text.

    Parameters
    ----------
    secrets
        What must not be seen. Empty strings are passed over.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without secrets, nor the userinfo of any URL."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _USERINFO.sub("", text)

"""Lands the change log: the version's entry is on the release branch."""

from __future__ import annotations

from .seen import ChangelogSeen
from .step import ChangelogPull

__all__ = ["ChangelogPull", "ChangelogSeen"]

"""Proposes the deployment: its pull request is open."""

from __future__ import annotations

from .seen import ChartSeen
from .step import ChartPull

__all__ = ["ChartPull", "ChartSeen"]

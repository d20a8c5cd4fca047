"""The REST API: pull requests."""

from __future__ import annotations

from .base import Response
from .rest import Context

__all__ = ["commit_pulls"]


def commit_pulls(context: Context, name: str) -> Response:
    """Answer the pull requests of a commit."""
    return Response(200, [])

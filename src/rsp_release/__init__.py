"""Release a service of the Rubin Science Platform, from merge to image."""

from __future__ import annotations

try:
    from ._version import version as __version__
except ImportError:  # a source tree that was never built or installed
    __version__ = "0.0.0"

__all__ = ["__version__"]

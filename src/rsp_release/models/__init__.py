"""Frozen values that the other modules exchange.

Nothing here reads, writes or decides. No secret ever enters one of these: they
end up in events, in the journal and on screens. Each module says in
``__all__`` which are for others.
"""

from __future__ import annotations

from ..version.proposal import *
from .events import *
from .platforms import *
from .release import *
from .seen import *
from .standing import *
from .verdicts import *
from .writes import *

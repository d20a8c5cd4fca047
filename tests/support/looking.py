"""The look of a simulated process, which knows what a write was decided from.

Its ports remember what the real adapters do, and forget it as they do. On top
of that every answer knows when it was asked for, so that a write that follows
from an older one is a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rsp_release.engine.look import Look
from rsp_release.engine.world import Clock
from rsp_release.models import is_compared

__all__ = ["Recalling", "SimulatedLook"]

T = TypeVar("T")

_FORGE = frozenset(
    {"head", "jobs", "needs_pull", "open_pulls", "pull", "pulls", "pulls_of",
     "releases", "repository", "run", "runs", "workflow_state"}
)  # fmt: skip
_COMPARED = frozenset({"needs_pull", "pulls"})
_DEPLOY = frozenset({"branch", "paths", "read", "scan"})
_READS = _FORGE | _DEPLOY
"""What is asked once a look; ``branch`` is the deployment repository's. What
git lists the clone itself keeps.
"""

_WRITES = frozenset(
    {"edit_pull", "label_pull", "open_pull", "publish_release",
     "push_branch", "push_files", "push_tag"}
)  # fmt: skip


@dataclass
class SimulatedLook:
    """A look of one question at a time, and what it told of which age."""

    clock: Clock
    violations: list[str]
    """Writes that were decided from before the turn that they are of."""

    width: int = 1
    _moment: int = 0
    """How often something was asked, or a turn began."""

    _answered: tuple[Hashable, object] | None = None
    _began: int = 0
    _oldest: dict[Hashable, tuple[int, bool]] = field(default_factory=dict)
    """When the answers were asked for that were told in this turn, and
    whether a push is compared with them.
    """

    def __post_init__(self) -> None:
        self._look = Look(self.clock, width=1)

    def now(self) -> Any:
        return self._look.now()

    def sleep(self, seconds: float) -> None:
        self._look.sleep(seconds)

    def end(self) -> None:
        self._look.end()

    def begin_turn(self) -> None:
        self._moment += 1
        self._began, self._oldest = self._moment, {}
        self._look.begin_turn()

    def end_former(self, *, compares: bool = False) -> None:
        self._oldest = {}
        self._look.end_former(compares=compares)

    def is_fresh(self, *, compares: bool = False) -> bool:
        return self._look.is_fresh(compares=compares)

    def take_notices(self) -> tuple[str, ...]:
        return self._look.take_notices()

    def once(
        self,
        key: Hashable,
        read: Callable[[], T],
        *,
        is_compared: bool = False,
    ) -> T:
        """Ask once a look, and keep when that was."""

        def ask() -> tuple[int, T]:
            self._moment += 1
            return self._moment, read()

        asked, answer = self._look.once(key, ask, is_compared=is_compared)
        self._oldest[key] = asked, is_compared
        return answer

    def tell(self, key: Hashable, answer: object) -> None:
        """Keep what the write that is under way was answered."""
        self._answered = key, answer

    def _take_answer(self) -> tuple[Hashable, object] | None:
        answered, self._answered = self._answered, None
        return answered

    def recall(self, key: Hashable) -> Any:
        """Return what was told, and keep when that was."""
        told = self._look.recall(key)
        if told is None:
            return None
        asked, answer = told
        self._oldest[key] = asked, False
        return answer

    def write(
        self, name: str, write: Callable[[], T], *, compares: bool = False
    ) -> T:
        """Write; tell whether that was decided from an old answer.

        What the remote compares when it takes the write may be older.
        """
        self.violations += [
            f"{name} was decided from an older {key}"
            for key, (asked, is_compared) in self._oldest.items()
            if asked < self._began and not (compares and is_compared)
        ]
        self._look.end()
        self._take_answer()
        try:
            return write()
        finally:
            self._look.end()
            if (answered := self._take_answer()) is not None:
                # That begins the next look, and so the next turn.
                key, answer = answered
                self._look.tell(key, (self._moment + 1, answer))


class Recalling:
    """A port whose reads are part of a look, and whose writes end it.

    Parameters
    ----------
    port
        The port.
    look
        The look.
    """

    def __init__(self, port: Any, look: SimulatedLook) -> None:
        self._port = port
        self._look = look

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        is_local = name == "branch" and hasattr(self._port, "checkout")
        if name in _WRITES:
            return lambda write: self._look.write(
                name, lambda: found(write), compares=is_compared(write)
            )
        if name not in _READS or is_local:
            return found

        def ask(*args: Any, **kwargs: Any) -> Any:
            key = (name, id(self._port), repr(args), repr(kwargs))
            return self._look.once(
                key,
                lambda: found(*args, **kwargs),
                is_compared=name in _COMPARED,
            )

        return ask

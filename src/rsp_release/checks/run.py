"""Run checks at the same time, and never let one stop another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ..exceptions import ReleaseError
from ..models.naming import name_first
from .base import Check, Finding, Report, unknown
from .facts import Facts

__all__ = ["look_at", "run_checks"]

_THREADS = 8

_LONG = ("Deployment", "Rules")
"""Groups whose checks ask for one thing after the other."""


def look_at(check: Check, facts: Facts) -> Finding:
    """Run one check; what cannot be read leaves it unknown.

    Parameters
    ----------
    check
        The check.
    facts
        What it looks at.

    Returns
    -------
    Finding
        What it found.
    """
    try:
        return check.look(facts)
    except ReleaseError as e:
        return unknown(f"not checked: {e.message}", e.help, url=e.url)


def run_checks(
    checks: Iterable[Check],
    facts: Facts,
    *,
    heard: Callable[[str], None] = lambda _: None,
) -> Iterator[Report]:
    """Run checks, several at a time.

    Parameters
    ----------
    checks
        The checks.
    facts
        What they look at.
    heard
        Is told which are done, whenever one is.

    Yields
    ------
    Report
        What each found, in the order of the checks.
    """
    chosen = [c for c in checks if c.is_local or not facts.is_offline]
    left = {check.key: check.title for check in chosen}

    def look(check: Check) -> Finding:
        finding = look_at(check, facts)
        del left[check.key]
        titles = list(left.values())
        if titles:
            done = f"{len(chosen) - len(titles)} of {len(chosen)} checks done"
            heard(f"{done}, waiting for {name_first(titles)}")
        return finding

    with ThreadPoolExecutor(_THREADS) as pool:
        # What waits for the network begins first, and ends last; and first
        # of that what waits longest.
        waiting = {
            check.key: pool.submit(look, check)
            for check in sorted(
                chosen, key=lambda c: (c.is_local, c.group not in _LONG)
            )
        }
        for check in chosen:
            yield Report(check=check, finding=waiting[check.key].result())

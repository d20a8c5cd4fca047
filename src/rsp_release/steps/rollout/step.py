"""Decides how the environments come to run a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from ...config import EnvironmentSetting
from ...deployment.rollout import Aim, StageSeen, judge, next_marker
from ...deployment.stages import select_stages
from ...engine.world import World
from ...exceptions import ExitStatus, ReleaseError
from ...models import (
    Blocked,
    Change,
    Done,
    Release,
    SyncApplication,
    Verdict,
    Wait,
)
from ...models.rollout import Resource
from ...models.standing import Standing
from .seen import RolloutSeen, look_at_rollout

__all__ = ["Rollout", "find_left", "refuse"]

_INTERVAL = 5.0
"""Seconds between two looks where Argo CD or a cluster is at work."""

_PERSON = 30.0
"""The same where a person must move, or time pass."""

_LOOKS_AGAIN = 60.0
"""Seconds for which an environment that does not answer is asked again."""

_MENDS_ITSELF = 300.0
"""Seconds within which what is degraded may still become healthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Every environment runs the release, synced and healthy in Argo CD."""

    settings: tuple[EnvironmentSetting, ...] = ()
    """The environments that the settings name."""

    order: tuple[str, ...] = ()
    """The order of promotion that they name; empty: Phalanx's."""

    environments: tuple[str, ...] = ()
    """The environments that count; empty: all that run the application."""

    syncs: bool = False
    """Whether to sync, one environment after the other, or only to wait."""

    force: bool = False
    """Whether to sync an environment before those that come first."""

    retries: frozenset[tuple[str, str | None]] = frozenset()
    """Environments, each with the marker of a sync that failed before and is
    tried again.
    """

    is_asked: bool = True
    """Whether a person asked for it; else it is only told how it stands."""

    prunes: bool = False
    """Whether a sync deletes what the repository no longer has."""

    replaces: bool = False
    """Whether a sync deletes and recreates what cannot be changed."""

    key = "rollout"
    title = "Roll-out"

    # -- Looking ------------------------------------------------------------

    def observe(self, release: Release, world: World) -> RolloutSeen:
        """Look at the deployment and the environments."""
        try:
            return look_at_rollout(
                release,
                world,
                settings=self.settings,
                order=self.order,
                refreshes=self.environments if self.syncs else (),
            )
        except ReleaseError as e:
            if self.is_asked:
                raise
            aim = Aim(application=release.name, tag=release.image_tag)
            return RolloutSeen(aim=aim, problem=e.message)

    def judge(self, seen: RolloutSeen) -> tuple[Standing, ...]:
        """Return how the environments stand that count.

        Parameters
        ----------
        seen
            What was looked at.

        Raises
        ------
        UsageError
            Raised if one does not run the application.
        """
        return tuple(judge(each, seen.aim) for each in self._choose(seen))

    def find_failed(
        self, seen: RolloutSeen
    ) -> frozenset[tuple[str, str | None]]:
        """Return the syncs that failed before, as `retries` has them.

        Parameters
        ----------
        seen
            What was looked at.
        """
        return frozenset(
            (each.stage.name, each.application.operation.marker)
            for each in self._choose(seen)
            if judge(each, seen.aim).state == "failed"
            and each.application is not None
            and each.application.operation is not None
        )

    def find_changes(
        self, seen: RolloutSeen
    ) -> tuple[tuple[Standing, tuple[Resource, ...]], ...]:
        """Return what a sync will change in each environment that needs one.

        Parameters
        ----------
        seen
            What was looked at.
        """
        found = (
            (judge(each, seen.aim), each.application)
            for each in self._choose(seen)
        )
        return tuple(
            (standing, application.out_of_sync)
            for standing, application in found
            if application is not None
            and standing.state in ("sync", "failed", "window", "compare")
        )

    def _choose(self, seen: RolloutSeen) -> list[StageSeen]:
        stages = select_stages(
            [each.stage for each in seen.stages], self.environments
        )
        return [each for each in seen.stages if each.stage in stages]

    # -- Deciding -----------------------------------------------------------

    def decide(self, release: Release, seen: RolloutSeen) -> Verdict:
        """Decide what makes the next environment run the release."""
        verdict = self._decide(seen)
        if self.is_asked or isinstance(verdict, Done):
            return verdict
        # Whatever it is, the release is complete without it.
        text = seen.problem and f"cannot look: {seen.problem}"
        standings = self.judge(seen)
        return Wait(
            reason=text or _summarize(standings, seen.aim.tag),
            is_on_person=True,
            is_beside=True,
            environments=standings,
        )

    def _decide(self, seen: RolloutSeen) -> Verdict:
        if seen.problem is not None:
            return Wait(reason=seen.problem)
        if not seen.stages:
            return Done(
                evidence="skipped: no environment is known (deploy.repository"
                " with Phalanx's layout, or [[environments]])"
            )
        chosen = [(each, judge(each, seen.aim)) for each in self._choose(seen)]
        standings = tuple(standing for _, standing in chosen)
        if self.syncs:
            change = self._sync(chosen, seen)
            if change is not None:
                return change
        failed = [s for s in standings if s.state == "failed"]
        if failed:
            return Blocked(
                problem="\n".join(map(_tell, failed)),
                help=failed[0].help,
                url=failed[0].url,
                exit_status=ExitStatus.FAILED,
                environments=standings,
            )
        waiting = [s for s in standings if not s.is_settled]
        if waiting:
            return self._wait(waiting, standings, seen.aim)
        return self._end(standings, seen.aim)

    def _sync(
        self, chosen: Sequence[tuple[StageSeen, Standing]], seen: RolloutSeen
    ) -> Verdict | None:
        """Sync the first environment that can be; `None`: there is none."""
        every = [judge(each, seen.aim) for each in seen.stages]
        for each, standing in chosen:
            found = each.application
            operation = found.operation if found else None
            is_retry = (
                standing.state == "failed"
                and operation is not None
                and (standing.environment, operation.marker) in self.retries
            )
            if standing.state != "sync" and not is_retry:
                continue
            left = [] if self.force else find_left(standing, every)
            if left:
                return self._hold(standing, left, seen.aim)
            return Change(
                summary=f"sync {standing.application} in"
                f" {standing.environment}: {standing.text}",
                write=SyncApplication(
                    target=each.stage.target,
                    marker=next_marker(operation, seen.aim),
                    prunes=self.prunes,
                    forces=self.replaces,
                ),
            )
        return None

    def _hold(
        self, standing: Standing, left: Sequence[Standing], aim: Aim
    ) -> Verdict | None:
        """Hold back a sync; `None`: what comes first is on its way."""
        refusal = refuse(standing, left, aim.tag)
        if left[0].environment in self.environments:
            return None
        if standing.environment in self.environments:
            return refusal
        if all(each.state == "unknown" for each in left):
            return Wait(
                reason=refusal.problem,
                interval=_INTERVAL,
                patience=_LOOKS_AGAIN,
                otherwise=refusal,
            )
        return None

    def _wait(
        self,
        waiting: Sequence[Standing],
        standings: tuple[Standing, ...],
        aim: Aim,
    ) -> Wait:
        """Wait for what the environments wait for."""
        reason = _summarize(standings, aim.tag)
        then = [s.environment for s in waiting if s.state == "merge"]
        if self.syncs and then:
            reason += f"; then sync {', '.join(dict.fromkeys(then))}"
        degraded = [s for s in waiting if s.state == "degraded"]
        otherwise = None
        if degraded:
            otherwise = Blocked(
                problem="\n".join(map(_tell, degraded)),
                help=f"see {degraded[0].url}" if degraded[0].url else None,
                url=degraded[0].url,
                exit_status=ExitStatus.UNFINISHED,
                environments=standings,
            )
        is_slow = all(s.is_on_person or s.state == "window" for s in waiting)
        return Wait(
            reason=reason,
            url=next((s.url for s in waiting if s.url), None),
            interval=_PERSON if is_slow else None,
            patience=_MENDS_ITSELF if otherwise else None,
            otherwise=otherwise,
            is_on_person=all(s.is_on_person for s in waiting),
            environments=standings,
        )

    def _end(self, standings: tuple[Standing, ...], aim: Aim) -> Verdict:
        """Say that nothing is left to do, or to see."""
        unknown = [s for s in standings if s.state == "unknown"]
        text = _summarize(standings, aim.tag)
        end: Done | Blocked = Done(evidence=text, environments=standings)
        pinned = [s for s in standings if s.state == "pinned"]
        if self.environments and pinned:
            return Blocked(
                problem="\n".join(map(_tell, pinned)),
                help=pinned[0].help,
                url=pinned[0].url,
                environments=standings,
            )
        if not unknown:
            return end
        asked = [s for s in unknown if s.environment in self.environments]
        if asked or len(unknown) == len(standings):
            end = Blocked(
                problem="\n".join(map(_tell, asked or unknown)),
                help=(asked or unknown)[0].help,
                exit_status=max(s.exit_status for s in asked or unknown),
                environments=standings,
            )
        if all(s.is_denied for s in unknown):
            return end
        return Wait(
            reason=text,
            interval=_INTERVAL,
            patience=_LOOKS_AGAIN,
            otherwise=end,
            environments=standings,
        )

    # -- Acting -------------------------------------------------------------

    def act(self, change: Change, world: World) -> None:
        """Begin a sync."""
        if world.argocd is None or not isinstance(
            change.write, SyncApplication
        ):
            raise TypeError("there is nothing to sync with")
        world.argocd.sync(change.write)


def find_left(standing: Standing, every: Sequence[Standing]) -> list[Standing]:
    """Find what does not run the version in the environment before another.

    Parameters
    ----------
    standing
        The environment.
    every
        All environments, in the order of promotion.

    Returns
    -------
    list of Standing
        Empty where that environment runs the version healthily, or there is
        none. One that is to run another version is no step on the way.
    """
    names = list(dict.fromkeys(s.environment for s in every))
    for name in reversed(names[: names.index(standing.environment)]):
        found = [
            s for s in every if s.environment == name and s.state != "pinned"
        ]
        if found:
            return [s for s in found if s.state != "runs"]
    return []


def refuse(standing: Standing, left: Sequence[Standing], tag: str) -> Blocked:
    """Refuse to sync an environment before another.

    Parameters
    ----------
    standing
        The environment.
    left
        What does not run the version in the environment before it.
    tag
        The version.
    """
    is_known = any(each.state != "unknown" for each in left)
    said = "does not run it healthily" if is_known else "cannot be looked at"
    first = left[0]
    return Blocked(
        problem=f"{first.environment} comes before {standing.environment}, and"
        f" {said}: {first.text.removeprefix('cannot look: ')}",
        help=f"`rsp-release rollout {quote(tag)} --sync"
        f" {quote(standing.environment)} --force` syncs it anyway;"
        " `rollout.order` in the settings says what comes first",
        url=first.url,
    )


def _tell(standing: Standing) -> str:
    return f"{standing.environment}: {standing.text}"


def _summarize(standings: Sequence[Standing], tag: str) -> str:
    """Say in a line how all environments stand."""
    runs = [s for s in standings if s.state == "runs"]
    said = []
    if runs:
        names = dict.fromkeys(s.environment for s in runs)
        verb = "runs" if len(names) == 1 else "run"
        said.append(f"{', '.join(names)} {verb} {tag}")
    groups: dict[str, dict[str, None]] = {}
    for standing in standings:
        if standing.state != "runs":
            found = groups.setdefault(standing.text, {})
            found[standing.environment] = None
    said += [f"{', '.join(names)}: {text}" for text, names in groups.items()]
    return "; ".join(said)

"""Asking the Argo CD of each environment, and telling it to sync.

What is told apart here is what the rest of the program lives by, as it is for
GitHub: a definite answer, a read that failed, a write that was refused, one
that never left, and one whose fate is not known.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from threading import Lock
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from ...engine.look import Look, changing
from ...engine.world import Clock
from ...exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    ReleaseError,
    UncertainError,
)
from ...models import SyncApplication
from ...models.rollout import Application, Resource, SyncWindow, Target
from ..http import Exchange, Limits, Reply, Request, decode_json, plain_text
from ..retry import LastingReadError, ReadRetrier
from .answers import (
    INFO,
    as_list,
    as_object,
    as_text,
    iterate_items,
    parse_application,
    parse_nodes,
)
from .credentials import Address, Credentials
from .refusals import AbsentError, Place, explain, judge_sync, name
from .schedules import find_end, find_start

__all__ = ["ArgoCDClient"]

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for a read, all attempts included: one silent environment must not
keep the others waiting.
"""

COMPARISON = 60.0
"""Seconds for a read that waits until the controller has compared anew."""

FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "spec.project",
    "spec.source",
    "spec.sources",
    "spec.syncPolicy",
    "status.summary",
    "status.sync.status",
    "status.sync.revision",
    "status.health",
    "status.operationState.phase",
    "status.operationState.startedAt",
    "status.operationState.finishedAt",
)
"""What is asked of each application of a list: of those that the server cuts
the answer down to (argo-cd, pkg/apiclient/application/forwarder_overwrite.go).
"""


class ArgoCDClient:
    """The Argo CD of each environment.

    Parameters
    ----------
    environ
        The environment: credentials, proxies, certificates.
    clock, random
        For the waits between attempts of a read.
    look
        The look that the reads are part of, and that a sync ends.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        random: Random | None = None,
        look: Look | None = None,
    ) -> None:
        self._clock = clock
        self._look = look
        self._parsing = Lock()
        """Held while a list is decoded, which takes memory, not time."""
        self._exchange = Exchange(environ=environ, clock=clock)
        self._retrier = ReadRetrier(clock=clock, random=random)
        self._credentials = Credentials(environ)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._exchange.close()

    # -- Looking --------------------------------------------------------------

    def application(
        self, target: Target, *, refresh: bool = False
    ) -> Application | None:
        """Return an application; `None` where there is none.

        As `~rsp_release.engine.world.ArgoCD` has it.
        """
        asked = {"refresh": "normal"} if refresh else {}
        try:
            data = self._ask(
                target,
                _path_of(target),
                seconds=COMPARISON if refresh else PATIENCE,
                **asked,
            )
        except AbsentError:
            return None
        found = parse_application(data)
        if found is None or found.name != target.application:
            place = self._place(target.environment, target.argocd)
            raise _unusable(place, "it is no application")
        return found

    def applications(
        self, address: str, *, environment: str
    ) -> Mapping[str, Application]:
        """Return all applications that may be seen, by name, in one request.

        As `~rsp_release.engine.world.ArgoCD` has it.
        """
        place = self._place(environment, address)
        fields = ",".join(f"items.{field}" for field in FIELDS)

        def parse(reply: Reply) -> dict[str, Application]:
            found: dict[str, Application] = {}
            with self._parsing:
                for item in iterate_items(reply.body):
                    application = parse_application(item)
                    if application is None:
                        raise ValueError("it lists what is no application")
                    found.setdefault(application.name, application)
            return found

        return self._read(place, "applications", parse, fields=fields)

    def unhealthy(self, target: Target) -> tuple[Resource, ...]:
        """Return what is degraded, missing or in progress, with reasons.

        As `~rsp_release.engine.world.ArgoCD` has it.
        """
        path = f"{_path_of(target)}/resource-tree"
        return parse_nodes(self._ask(target, path))

    def windows(self, target: Target) -> tuple[SyncWindow, ...]:
        """Return the windows that stand in the way of a sync now.

        As `~rsp_release.engine.world.ArgoCD` has it.
        """
        data = self._ask(target, f"{_path_of(target)}/syncwindows")
        if data.get("canSync") is True:
            return ()
        if data.get("canSync") is not False:
            place = self._place(target.environment, target.argocd)
            raise _unusable(place, "it does not say whether one may sync")
        active = as_list(data.get("activeWindows"))
        kind: Literal["allow", "deny"] = "deny"
        found = [
            window
            for window in active
            if window.get("kind") == kind and not window.get("manualSync")
        ]
        if not found:
            kind = "allow"
            assigned = as_list(data.get("assignedWindows"))
            found = [w for w in assigned if w.get("kind") == kind]
        if not found:
            place = self._place(target.environment, target.argocd)
            raise _unusable(place, "it does not say what keeps one from it")
        zones = self._find_zones(target)

        def parse(window: dict[str, Any]) -> SyncWindow:
            schedule = as_text(window.get("schedule"))
            duration = as_text(window.get("duration"))
            until, now = None, self._clock.now()
            if (zone := zones.get((kind, schedule, duration))) is not None:
                until = (
                    find_end(schedule, duration, zone, now)
                    if kind == "deny"
                    else find_start(schedule, zone, now)
                )
            return SyncWindow(
                kind=kind,
                schedule=schedule,
                duration=duration,
                manual_sync=window.get("manualSync") is True,
                until=until,
            )

        return tuple(map(parse, found))

    def _find_zones(self, target: Target) -> dict[tuple[str, str, str], str]:
        """Return the time zones of a project's windows, where they are told.

        The windows of an application are told without. Who may see that may
        not be allowed to see its project.
        """
        found: dict[tuple[str, str, str], str] = {}
        with suppress(ReleaseError):
            application = self.application(target)
            project = target.project or (application and application.project)
            place = self._place(target.environment, target.argocd)
            path = f"projects/{_checked(project or 'default', 'a project')}"
            spec = as_object(
                self._read(place, path, _parse_object).get("spec")
            )
            for window in as_list(spec.get("syncWindows")):
                kind, schedule, duration = (
                    as_text(window.get(k))
                    for k in ("kind", "schedule", "duration")
                )
                key = (kind, schedule, duration)
                found[key] = as_text(window.get("timeZone"))
        return found

    def _ask(
        self,
        target: Target,
        path: str,
        *,
        seconds: float = PATIENCE,
        **parameters: str,
    ) -> dict[str, Any]:
        """Read an object that is about an application."""
        if target.namespace is not None:
            parameters["appNamespace"] = target.namespace
        if target.project is not None:
            parameters["project"] = target.project
        return self._read(
            self._place(target.environment, target.argocd),
            path,
            _parse_object,
            seconds=seconds,
            target=target,
            **parameters,
        )

    def _read(
        self,
        place: Place,
        path: str,
        parse: Callable[[Reply], T],
        *,
        seconds: float = PATIENCE,
        target: Target | None = None,
        **parameters: str,
    ) -> T:
        """Read something, unless that was done in this look already."""
        url = f"{place.address.url}/api/v1/{path}"
        if parameters:
            url += f"?{urlencode(parameters)}"

        def ask() -> T:
            reply = self._fetch(place, url, seconds)
            if reply.status != 200:
                raise explain(place, reply, target)
            try:
                return parse(reply)
            except ValueError as e:
                raise _unusable(place, str(e)) from None

        if self._look is None:
            return ask()
        key = self, place.environment, url
        return self._look.once(key, ask, is_apart=True)

    def _fetch(self, place: Place, url: str, seconds: float) -> Reply:
        """Send a read, again where that may help and there is time left."""
        until = time.monotonic() + seconds

        def send() -> Reply:
            left = until - time.monotonic()
            if left <= 0:
                raise late
            limits = Limits(silence=left, total=left)
            request = Request(
                url=url, headers=place.headers(), follows=False, limits=limits
            )
            try:
                return self._exchange.send(request)
            except ReadError as e:
                if time.monotonic() >= until:
                    raise late from None
                raise name(place, e) from None

        late = LastingReadError(
            f"{place.name} ({place.address.server}) did not answer within"
            f" {seconds:g} s"
        )
        # A comparison that took too long is a 500, and not begun again.
        return self._retrier.read(
            send,
            again=lambda r: 0.0 if r.status in {429, 502, 503, 504} else None,
        )

    # -- Syncing --------------------------------------------------------------

    def sync(self, write: SyncApplication) -> None:
        """Begin a sync to what the application follows.

        As `~rsp_release.engine.world.ArgoCD` has it.
        """
        target = write.target
        place = self._place(target.environment, target.argocd)
        body: dict[str, Any] = {
            "name": target.application,
            "prune": write.prunes,
            "infos": [{"name": INFO, "value": write.marker}],
        }
        if target.namespace is not None:
            body["appNamespace"] = target.namespace
        if target.project is not None:
            body["project"] = target.project
        if write.forces:
            # The other strategy would leave the hooks out.
            body["strategy"] = {"hook": {"force": True}}
        request = Request(
            method="POST",
            url=f"{place.address.url}/api/v1/{_path_of(target)}/sync",
            headers={**place.headers(), "Content-Type": "application/json"},
            body=json.dumps(body).encode(),
            follows=False,
        )
        try:
            with changing(self._look):
                reply = self._exchange.send(request)
        except (NotSentError, UncertainError) as e:
            raise name(place, e) from None
        judge_sync(place, reply, target)

    def _place(self, environment: str, argocd: str) -> Place:
        """Return where an environment is asked, and as whom."""
        address = Address.parse(argocd)
        token = self._credentials.of(environment, address)
        place = Place(
            environment=plain_text(environment),
            address=address,
            token=token,
        )
        ends = token and token.expires_at
        if token and ends and ends <= self._clock.now():
            raise NotAllowedError(
                f"the token for {place.name}, from {token.source}, expired on"
                f" {ends:%Y-%m-%d at %H:%M} UTC",
                help=place.login,
            )
        return place


def _unusable(place: Place, reason: str) -> ReadError:
    return LastingReadError(
        f"the answer of {place.name} cannot be used: {place.redact(reason)}"
    )


def _parse_object(reply: Reply) -> dict[str, Any]:
    data = decode_json(reply.body)
    if not isinstance(data, dict):
        raise ValueError("it is no object")  # noqa: TRY004
    return data


def _checked(name: str, what: str) -> str:
    """Return a name that becomes part of a path; a file may have said it."""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", name):
        raise LastingReadError(
            f"{plain_text(name)!r} is not the name of {what}"
        )
    return name


def _path_of(target: Target) -> str:
    """Return where an application is, below the interface."""
    return f"applications/{_checked(target.application, 'an application')}"

"""The Argo CD of every environment, below the address of the sandbox.

An environment's is at ``http://127.0.0.1:PORT/argocd/ENVIRONMENT``: what its
``fqdn`` says in a deployment repository leads nowhere, so a client is told
the address of each by the setting ``argocd``.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from . import argoshapes
from .accounts import Accounts
from .applications import Application
from .base import Problem, Request, Response
from .records import Project

__all__ = ["PREFIX", "ArgoCD"]

PREFIX = "/argocd/"
"""Where the addresses of all begin."""

_STATUS = {2: 500, 3: 400, 5: 404, 7: 403, 9: 400, 16: 401}
"""The HTTP status of a code of gRPC, as its gateway has it."""

_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.annotations",
    "metadata.labels", "metadata.creationTimestamp",
    "metadata.deletionTimestamp", "spec", "spec.destination", "spec.project",
    "spec.source", "spec.sources", "spec.sourceHydrator", "spec.syncPolicy",
    "status.sourceHydrator", "status.summary", "status.sync.status",
    "status.sync.revision", "status.health",
    "status.operationState.startedAt", "status.operationState.finishedAt",
    "status.resources", "operation.sync", "status.operationState.phase",
)  # fmt: skip
"""What a list can be cut down to: all other fields are left out.

Argo CD, pkg/apiclient/application/forwarder_overwrite.go
"""


class _Refusal(Exception):  # noqa: N818
    """An error answer of gRPC's gateway."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def response(self) -> Response:
        """Return the answer to send."""
        text = str(self)
        data = {"error": text, "code": self.code, "message": text}
        return Response(_STATUS[self.code], data)


class ArgoCD:
    """The applications of every environment, and who may see them.

    Parameters
    ----------
    accounts
        Whose credentials may be revoked.
    find
        Finds a repository by owner and name.
    locate
        Returns the address of one.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        find: Callable[[str], Project],
        locate: Callable[[str], str],
    ) -> None:
        self._accounts = accounts
        self._find = find
        self._locate = locate
        self._tokens: dict[str, tuple[str, datetime | None]] = {}
        self.applications: dict[tuple[str, str], Application] = {}
        """Applications by environment and name."""
        self.token = self.make_token()
        """A token that may do everything, and does not expire."""

    # -- Set up --------------------------------------------------------------

    def add(
        self,
        environment: str,
        name: str,
        repository: str,
        *,
        now: datetime,
        project: str = "default",
        path: str | None = None,
        revision: str | None = None,
    ) -> Application:
        """Add an application.

        Parameters
        ----------
        environment
            The environment, made if there is none.
        name
            The application's name.
        repository
            Owner and name of the deployment repository.
        now
            The time.
        project
            The project in Argo CD.
        path
            Its chart there; by default ``applications/NAME``.
        revision
            What it was last synced to; by default the newest commit, and if
            it is empty nothing.
        """
        source = self._find(repository)
        added = Application(
            environment=environment,
            name=name,
            project=project,
            source=source,
            path=path or f"applications/{name}",
            locate=self._locate,
        )
        if revision is None:
            revision = source.git.resolve("HEAD")
        if revision:
            added.begin(revision, now - timedelta(days=9), username="admin")
        self.applications[environment, name] = added
        return added

    def make_token(
        self, login: str = "ada", expires: datetime | None = None
    ) -> str:
        """Make a token, which tells itself when it expires.

        Parameters
        ----------
        login
            Whose it is.
        expires
            When it does; `None`: never.
        """
        claims = {"iss": "argocd", "sub": f"{login}:apiKey", "iat": 1767225600}
        claims["jti"] = secrets.token_hex(8)
        if expires is not None:
            claims["exp"] = int(expires.timestamp())
        parts = ({"alg": "HS256", "typ": "JWT"}, claims, secrets.token_hex(32))
        token = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode()
            for part in parts
        ).replace("=", "")
        self._tokens[token] = login, expires
        return token

    # -- Answers -------------------------------------------------------------

    def handle(self, request: Request, now: datetime) -> Response | None:
        """Answer a request, or return `None` if there is no such place."""
        match = re.fullmatch(rf"{PREFIX}([^/]+)/(api/.*)", request.path)
        if match is None:
            return None
        known = sorted(self.applications.items())
        found = {name: a for (at, name), a in known if at == match[1]}
        if not found:
            return None
        try:
            response = self._answer(found, request, match[2], now)
        except _Refusal as refusal:
            response = refusal.response()
        except Problem as problem:
            response = _Refusal(3, problem.message).response()
        response.headers.setdefault("Content-Type", "application/json")
        return response

    def _answer(
        self,
        found: Mapping[str, Application],
        request: Request,
        path: str,
        now: datetime,
    ) -> Response:
        if path == "api/version":
            return Response(200, {"Version": "v3.4.0+37ee009"})
        login = self._who(request, now)
        for application in found.values():
            _settle(application, now)
        if (request.method, path) == ("GET", "api/v1/applications"):
            return Response(200, _list(found, request.query, now))
        match = re.fullmatch(r"api/v1/projects/([^/]+)", path)
        if match and request.method == "GET":
            return Response(200, _project(found, match[1]))
        match = re.fullmatch(r"api/v1/applications/([^/]+)(/[\w-]+)?", path)
        action = (request.method, (match[2] or "") if match else None)
        if match is None or action not in _ACTIONS:
            kind = {"Content-Type": "text/plain; charset=utf-8"}
            return Response(404, body=b"Not Found\n", headers=kind)
        asked = request.json() if request.method == "POST" else request.query
        chosen = _choose(found.get(match[1]), match[1], asked)
        data = _ACTIONS[action](chosen, asked, login, now)
        return Response(200, data)

    def _who(self, request: Request, now: datetime) -> str:
        """Return who asks.

        Argo CD, server/server.go and util/session/sessionmanager.go
        """
        token = request.header("authorization").removeprefix("Bearer ")
        if not token:
            raise _Refusal(16, "no session information")
        login, expires = self._tokens.get(token, ("", None))
        if token.count(".") != 2:
            reason = "token is malformed: token contains an invalid number of"
            reason += " segments"
        elif not login:
            reason = "token signature is invalid: signature is invalid"
        elif self._accounts.revoked:
            reason = "token is revoked, please re-login"
        elif expires is not None and expires <= now:
            reason = "token has invalid claims: token is expired"
        else:
            return login
        raise _Refusal(16, f"invalid session: {reason}")


def _choose(
    found: Application | None, name: str, asked: Mapping[str, Any]
) -> Application:
    """Return what a request is about.

    What does not exist is told of those alone who name its project, and may
    look at that. Argo CD, server/application/application.go
    """
    project = asked.get("project") or asked.get("projects")
    is_here = (
        found is not None
        and project in {None, found.project}
        and asked.get("appNamespace") in {None, argoshapes.NAMESPACE}
    )
    if project and not is_here:
        text = f'applications.argoproj.io "{name}" not found'
        raise _Refusal(5, text)
    if found is None or not is_here or "get" in found.script.denied:
        raise _Refusal(7, "permission denied")
    return found


def _settle(application: Application, now: datetime) -> None:
    """Let an application sync that does so by itself."""
    head = application.revision(now)
    tried = [sync.revision for sync in application.syncs]
    if application.script.is_automated and head not in tried[-1:]:
        seen = argoshapes.application(application, now)
        if seen["status"]["sync"]["status"] == "OutOfSync":
            application.begin(head, now)


def _list(
    found: Mapping[str, Application], query: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    project = query.get("projects") or query.get("project")
    items = [
        argoshapes.application(each, now)
        for each in found.values()
        if "get" not in each.script.denied and project in {None, each.project}
    ]
    if wanted := query.get("fields"):
        names = [f for f in _FIELDS if f"items.{f}" in wanted.split(",")]
        items = [_cut(item, names) for item in items]
    return {"metadata": {}, "items": items}


def _project(found: Mapping[str, Application], name: str) -> dict[str, Any]:
    """Return a project, which alone says of what time zone its windows are."""
    those = [each for each in found.values() if each.project == name]
    if not those:
        raise _Refusal(5, f'appprojects.argoproj.io "{name}" not found')
    return argoshapes.project(name, those)


def _cut(item: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Leave the fields that are asked for; of some that lack there is null."""
    cut: dict[str, Any] = {}
    for name in names:
        *above, last = name.split(".")
        source, place = item, cut
        for part in above:
            source = source.get(part) or {}
            place = place.setdefault(part, {}) if source else place
        if source:
            place[last] = source.get(last)
    return cut


def _get(
    application: Application, asked: Mapping[str, Any], _: str, now: datetime
) -> dict[str, Any]:
    if "refresh" in asked:
        if not application.script.refreshes:
            raise _Refusal(2, "application refresh deadline exceeded")
        application.refreshed_at = now
        _settle(application, now)
    return argoshapes.application(application, now)


def _sync(
    application: Application,
    asked: Mapping[str, Any],
    login: str,
    now: datetime,
) -> dict[str, Any]:
    script, target = application.script, application.target
    if not script.can_sync(now):
        raise _Refusal(7, "cannot sync: blocked by sync window")
    if "sync" in script.denied:
        what = f"{application.project}/{application.name}"
        text = f"permission denied: applications, sync, {what}, sub: {login}"
        raise _Refusal(7, text)
    wanted = asked.get("revision") or target
    is_dry = bool(asked.get("dryRun"))
    if wanted != target and script.is_automated and not is_dry:
        text = f"Cannot sync to {wanted}: auto-sync currently set to {target}"
        raise _Refusal(9, text)
    # A hash is taken as it is.
    is_hash = re.fullmatch("[0-9a-f]{40}", wanted)
    revision = wanted if is_hash else application.source.git.resolve(wanted)
    if revision is None:
        text = f"unable to resolve '{wanted}' to a commit SHA"
        raise _Refusal(9, f"error resolving repo revision: {text}")
    if application.operation(now) is not None:
        raise _Refusal(9, "another operation is already in progress")
    application.begin(
        revision,
        now,
        username=login,
        infos=tuple(asked.get("infos") or ()),
        prune=bool(asked.get("prune")),
        is_dry=is_dry,
    )
    return argoshapes.application(application, now)


_ACTIONS: dict[
    tuple[str, str | None],
    Callable[[Application, Mapping[str, Any], str, datetime], dict[str, Any]],
] = {
    ("GET", ""): _get,
    ("GET", "/resource-tree"): lambda a, _, __, now: argoshapes.tree(a, now),
    ("GET", "/syncwindows"): lambda a, _, __, now: argoshapes.windows(a, now),
    ("POST", "/sync"): _sync,
}

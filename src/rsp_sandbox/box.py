"""The sandbox as a whole: GitHub, a git remote and a registry, served."""

from __future__ import annotations

import html
import itertools
import shutil
import threading
import time
from types import TracebackType
from typing import Any, Self

from . import graphql, rest
from .accounts import Token
from .base import API_PREFIX, Clock, Problem, Request, Response, View
from .forge import Forge
from .githttp import git_http
from .logs import LogStore
from .merging import merge_what_may
from .misbehave import misbehave, spoil
from .pulls import follow
from .records import Project, RequestRecord
from .releases import without_tag
from .scenario import Scenario
from .server import Reply, Server
from .state import State

__all__ = ["Sandbox"]


class Sandbox(Forge):
    """GitHub, a git remote and an OCI registry on one port of loopback.

    Parameters
    ----------
    scenario
        What workflows do, where not as the repository's own files say.
    port
        The port; 0 for any.
    clock
        The time; by default the machine's own.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(scenario, port, clock, follow_push=_follow_push)
        self.state = State(self)
        """What tests look at."""
        self.graphql: dict[str, Any] = {}
        """Handlers of GraphQL by a word that the query must hold."""
        self._request_numbers = itertools.count(1)
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._server = Server(self._answer, self._port)
            self._logs = LogStore(self.clock)
        except OSError:
            self.__exit__(None, None, None)
            raise
        self._stop.clear()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()
        for server in (self._server, self._logs):
            if server is not None:
                server.close()
        for project in self._projects.values():
            project.git.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with self.lock:
                for project in self.projects():
                    self.notice(project)
                self._settle()

    def _settle(self) -> None:
        """Let happen what happens by itself."""
        self.runner.settle()
        for project in self.projects():
            merge_what_may(self, project)

    def _answer(self, request: Request) -> Reply:
        began = time.perf_counter()
        number = next(self._request_numbers)
        name = self.faults.draw(number, request.method, request.path)
        if name == "slow":
            time.sleep(self.faults.slow_seconds)
        reply = misbehave(self, name, request)
        if reply is None:
            response = self._handle(request, stale=name == "stale")
            reply = spoil(name, response)
        response_or_none = reply.response
        shown = response_or_none or Response(0)
        record = RequestRecord(
            number=number,
            method=request.method,
            path=request.path,
            query=request.query,
            headers={
                key: value
                for key, value in request.headers.items()
                if key != "authorization"
            },
            body=request.body,
            status=response_or_none.status if response_or_none else None,
            response_headers=dict(shown.headers),
            response_body=shown.encoded(),
            fault=name,
            seconds=time.perf_counter() - began,
        )
        self.state.keep(record)
        return reply

    def _handle(self, request: Request, *, stale: bool) -> Response:
        found = git_http(self, request)
        if found is not None:
            return found
        with self.lock:
            now = self.clock.now()
            self._settle()
            view = View(now, self._before_write if stale else None)
            path = request.path
            try:
                if path.startswith(API_PREFIX + "/"):
                    return rest.answer(self, request, view, now)
                if path in {"/token", "/v2"} or path.startswith("/v2/"):
                    view = view.back(self.lag.registry)
                    return self.images.handle(request, view, now)
                if path in {"/api/graphql", "/graphql"}:
                    return self._graphql(request)
            except Problem as problem:
                return problem.response()
            return self._web(path)

    def _graphql(self, request: Request) -> Response:
        """Answer a GraphQL query with the handler that knows it."""
        token = self.accounts.api(request)
        if token is None:
            raise Problem(401, "This endpoint requires you to be logged in.")
        data = request.json()
        query = str(data.get("query", ""))
        for word, handler in self.graphql.items():
            if word in query:
                answer = handler(self, token, data.get("variables") or {})
                return Response(200, answer)
        if query.lstrip().startswith(("query", "fragment", "mutation")):
            variables = data.get("variables") or {}
            return Response(200, graphql.answer(self, token, query, variables))
        self.unknown.append((request.method, request.path))
        errors = [{"type": "NOT_FOUND", "message": "unknown to the sandbox"}]
        return Response(200, {"data": None, "errors": errors})

    def _web(self, path: str) -> Response:
        """Answer a page for people, so that links lead somewhere."""
        parts = path.strip("/").split("/")
        project = self.find(*parts[:2]) if len(parts) > 1 else None
        known = project is not None and not project.is_private
        text = f"<!doctype html><title>{html.escape(path)}</title>\n"
        text += f"<p>{html.escape(path)} in the sandbox</p>\n"
        return Response(
            200 if known else 404,
            body=text.encode(),
            headers={"Content-Type": "text/html; charset=utf-8"},
        )


def _follow_push(
    box: Forge,
    project: Project,
    gone: list[str],
    updated: list[str],
    token: Token | None,
) -> None:
    for tag in gone:
        without_tag(box, project, tag)
    follow(box, project, updated, token)

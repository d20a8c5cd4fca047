"""The sandbox as a whole: GitHub, a git remote and a registry, served."""

from __future__ import annotations

import html
import shutil
import threading
from types import TracebackType
from typing import Self

from . import graphql, rest
from .accounts import Token
from .base import API_PREFIX, Clock, Problem, Request, Response, View
from .forge import Forge
from .githttp import git_http
from .logs import LogStore
from .merging import merge_what_may
from .pulls import follow
from .records import Project
from .releases import without_tag
from .scenario import Scenario
from .server import Application, Server

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
        self.application: Application = self.handle
        """Answers a request; may be replaced before the sandbox starts."""
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._server = Server(self.application, self._port)
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

    def handle(self, request: Request, *, stale: bool = False) -> Response:
        """Answer a request.

        Parameters
        ----------
        request
            The request.
        stale
            Whether it shows what was before the last write.
        """
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
                    return self._graphql(request, view)
            except Problem as problem:
                return problem.response()
            found = self.argocd.handle(request, now)
            return found or self._web(path)

    def _graphql(self, request: Request, view: View) -> Response:
        """Answer a GraphQL query with the handler that knows it."""
        token = self.accounts.api(request)
        if token is None:
            raise Problem(401, "This endpoint requires you to be logged in.")
        data = request.json()
        query = str(data.get("query", ""))
        if query.lstrip().startswith(("query", "fragment", "mutation")):
            variables = data.get("variables") or {}
            told = graphql.answer(self, token, query, variables, view=view)
            return Response(200, told)
        self.unknown.append((request.method, request.path))
        errors = [{"type": "NOT_FOUND", "message": "unknown to the sandbox"}]
        return Response(200, {"data": None, "errors": errors})

    def _web(self, path: str) -> Response:
        """Answer a page for people, so that links lead somewhere."""
        parts = path.strip("/").split("/")
        project = self.find(*parts[:2]) if len(parts) > 1 else None
        moved = self.find_moved(*parts[:2]) if len(parts) > 1 else None
        if project is None and moved is not None and not moved.is_private:
            place = "/".join([self.server_url, moved.full_name, *parts[2:]])
            return Response(301, body=b"", headers={"Location": place})
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

"""Routes of the REST API: who may, how many, and how it is answered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from .accounts import Token, Window
from .base import (
    API_PREFIX,
    Problem,
    Request,
    Response,
    View,
    http_date,
    not_found,
)
from .forge import Forge
from .records import Project
from .rights import may

__all__ = ["Context", "answer", "authorise", "page", "route"]

_INTEGER = re.compile(r"\d{1,18}")
_BY_NUMBER = re.compile(r"/repositories/(?P<id>\d{1,18})(?P<rest>(?:/.*)?)")


@dataclass(slots=True)
class Context:
    """Everything a handler needs of one request."""

    box: Forge
    request: Request
    token: Token | None
    view: View
    now: datetime
    args: dict[str, str] = field(default_factory=dict)
    found: Project | None = None

    @property
    def project(self) -> Project:
        """The repository that the path names."""
        if self.found is None:
            raise not_found()
        return self.found

    @property
    def api(self) -> str:
        """The repository's address in the API."""
        return f"{self.box.api_url}/repos/{self.project.full_name}"

    @property
    def web(self) -> str:
        """The repository's page."""
        return f"{self.box.server_url}/{self.project.full_name}"

    @property
    def actor(self) -> str:
        """Who sends the request."""
        return self.token.login if self.token else ""

    def number(self, name: str) -> int:
        """Return a path's part that must be a number.

        Raises
        ------
        Problem
            Raised if it is none (GitHub answers 404).
        """
        if not _INTEGER.fullmatch(self.args[name]):
            raise not_found()
        return int(self.args[name])

    @property
    def can_push(self) -> bool:
        """Whether the sender may write contents."""
        return may(self.token, self.project, "contents", "write")


Handler = Callable[[Context], Response]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    need: str
    handler: Handler


_ROUTES: dict[str, list[_Route]] = {}


def route(
    method: str, path: str, need: str = "metadata:read"
) -> Callable[[Handler], Handler]:
    """Register a handler.

    Parameters
    ----------
    method
        The HTTP method.
    path
        A template; ``{name}`` takes one part and ``{name*}`` the rest.
    need
        The fine-grained permission, such as ``contents:write``.
    """
    pattern = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", path)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

    def register(handler: Handler) -> Handler:
        entry = _Route(method, re.compile(pattern), need, handler)
        _ROUTES.setdefault(method, []).append(entry)
        return handler

    return register


def answer(
    box: Forge, request: Request, view: View, now: datetime
) -> Response:
    """Answer a request to the REST API."""
    token: Token | None = None
    need = ""
    window: Window | None = None
    try:
        token = box.accounts.api(request)
        window = token.window if token else box.accounts.anonymous
        box.accounts.spend(window, now)
        response, need = _dispatch(box, request, token, view, now)
    except Problem as problem:
        response = problem.response()
        need = response.headers.pop("need", "")
    return _finish(request, response, token, window, now, need=need)


def _dispatch(
    box: Forge,
    request: Request,
    token: Token | None,
    view: View,
    now: datetime,
) -> tuple[Response, str]:
    version = request.header("x-github-api-version")
    if version and version not in {"2022-11-28", "2026-03-10"}:
        raise Problem(400, f"Version {version} is not a valid API version.")
    if not request.header("user-agent"):
        raise Problem(403, "Request forbidden by administrative rules.")
    path = _by_name(box, request.path.removeprefix(API_PREFIX))
    method = "GET" if request.method == "HEAD" else request.method
    for entry in _ROUTES.get(method, ()):
        match = entry.pattern.fullmatch(path)
        if match is None:
            continue
        args = match.groupdict()
        context = Context(box, request, token, view, now, args)
        if "owner" in args and "repo" in args:
            context.found = box.find(args["owner"], args["repo"])
            if context.found is None:
                raise _elsewhere(context) or not_found()
            authorise(context, entry.need)
            ready_at = context.found.ready_at
            if ready_at is not None and now < ready_at and "/git/" in path:
                raise Problem(409, "Git Repository is empty.")
        if method in {"POST", "PATCH", "PUT", "DELETE"}:
            box.writing()
        return entry.handler(context), entry.need
    box.unknown.append((request.method, request.path))
    raise not_found()


def _by_name(box: Forge, path: str) -> str:
    """Return a path with a repository's name where it has its number."""
    match = _BY_NUMBER.fullmatch(path)
    if match is None:
        return path
    for project in box.projects():
        if str(project.id) == match["id"]:
            return f"/repos/{project.full_name}{match['rest']}"
    raise not_found()


def _elsewhere(context: Context) -> Problem | None:
    """Lead from a name that a repository had to its number.

    The query is kept, and so is what is sent: a write is answered with 307.
    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
    """
    request, args = context.request, context.args
    found = context.box.find_moved(args["owner"], args["repo"])
    if found is None or not may(context.token, found, "metadata", "read"):
        return None
    old = f"{API_PREFIX}/repos/{args['owner']}/{args['repo']}"
    rest = quote(request.path.removeprefix(old))
    url = f"{context.box.api_url}/repositories/{found.id}{rest}"
    if request.raw_query:
        url += f"?{request.raw_query}"
    status = 301 if request.method in {"GET", "HEAD"} else 307
    return Problem(
        status, "Moved Permanently", headers={"Location": url}, url=url
    )


def authorise(context: Context, need: str) -> None:
    """Refuse a request that credentials do not suffice for.

    Parameters
    ----------
    context
        The request.
    need
        The fine-grained permission, such as ``contents:write``.

    Raises
    ------
    Problem
        Raised if they don't.
    """
    token, project = context.token, context.project
    permission, level = need.split(":")
    if not may(token, project, "metadata", "read"):
        raise not_found()
    if may(token, project, permission, level):
        if level != "read" and project.is_archived:
            raise Problem(403, "Repository was archived so is read-only.")
        return
    if token is None:
        if permission == "actions" and level == "read":
            raise Problem(403, "Must have admin rights to Repository.")
        raise Problem(401, "Requires authentication")
    if token.kind == "classic":
        if permission in {"actions", "administration", "secrets"}:
            raise Problem(403, "Must have admin rights to Repository.")
        raise not_found()
    who = "personal access token"
    if token.kind != "fine-grained":
        who = "integration"
    raise Problem(
        403, f"Resource not accessible by {who}", headers={"need": need}
    )


def _finish(
    request: Request,
    response: Response,
    token: Token | None,
    window: Window | None,
    now: datetime,
    *,
    need: str,
) -> Response:
    headers = response.headers
    headers["Date"] = http_date(now)
    if response.status != 204 and response.body is None:
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
    if token is not None and token.kind == "classic":
        headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
    elif token is not None and need:
        accepted = need.replace(":", "=")
        headers["X-Accepted-GitHub-Permissions"] = accepted
    reads = request.method in {"GET", "HEAD"}
    if reads and response.status == 200 and response.data is not None:
        digest = hashlib.sha256(response.encoded()).hexdigest()
        headers["ETag"] = f'W/"{digest}"'
        if _same(request.header("if-none-match"), headers["ETag"]):
            response.status, response.data = 304, None
            response.body = b""
            headers.pop("Content-Type", None)
            if token is not None and window is not None and window.used:
                # Free only with credentials.
                window.used -= 1
    if window is not None and window.reset is not None:
        headers["X-RateLimit-Limit"] = str(window.limit)
        headers["X-RateLimit-Remaining"] = str(window.remaining)
        headers["X-RateLimit-Reset"] = str(int(window.reset.timestamp()))
    return response


def _same(asked: str, etag: str) -> bool:
    bare = etag.removeprefix("W/")
    given = [part.strip().removeprefix("W/") for part in asked.split(",")]
    return bare in given or "*" in given


def page(
    context: Context,
    items: Sequence[Any],
    render: Callable[[Any], Any],
    *,
    wrap: str | None = None,
) -> Response:
    """Answer one page of a list, with its ``Link`` header.

    Parameters
    ----------
    context
        The request.
    items
        All that match.
    render
        Makes the JSON of one.
    wrap
        The key of the list, where GitHub wraps it with ``total_count``.
    """
    request = context.request
    size = _count(request.query.get("per_page"), 30, 100)
    number = _count(request.query.get("page"), 1, 1 << 30)
    total = len(items)
    start = (number - 1) * size
    last = max(1, -(-total // size))
    data: Any = [render(item) for item in items[start : start + size]]
    if wrap is not None:
        data = {"total_count": total, wrap: data}
    response = Response(200, data)
    links = []
    if number > 1:
        links += [("prev", min(number - 1, last)), ("first", 1)]
    if number < last:
        links += [("next", number + 1), ("last", last)]
    if links:
        url = f"{context.box.server_url}{request.path}?"
        rest = [
            part
            for part in request.raw_query.split("&")
            if part and not part.startswith("page=")
        ]
        response.headers["Link"] = ", ".join(
            f'<{url}{"&".join([*rest, f"page={n}"])}>; rel="{rel}"'
            for rel, n in links
        )
    return response


def _count(text: str | None, default: int, most: int) -> int:
    if text is None or not _INTEGER.fullmatch(text) or int(text) < 1:
        return default
    return min(int(text), most)

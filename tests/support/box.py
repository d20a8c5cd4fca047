"""The sandbox as tests use it: it can fail, is looked at and set up."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from typing_extensions import override

import rsp_sandbox
from rsp_sandbox import Clock, Scenario
from rsp_sandbox.accounts import SCOPES, Kind, Token, Window
from rsp_sandbox.actions import Run
from rsp_sandbox.argocd import PREFIX
from rsp_sandbox.base import Problem, Request, Response
from rsp_sandbox.discussion import review_shape
from rsp_sandbox.forge import Forge
from rsp_sandbox.pulls import find_pull
from rsp_sandbox.records import Pull, Release
from rsp_sandbox.registry import Image
from rsp_sandbox.rest import Context, route

from .faults import Faults

__all__ = ["RequestRecord", "Sandbox", "State"]

_PREFIX = {"classic": "ghp_", "fine-grained": "github_pat_", "actions": "ghs_"}
_LIMIT = {"classic": 5000, "fine-grained": 5000, "actions": 1000}
_MOST_REQUESTS = 20_000
_MOST_BYTES = 1_000_000


_VERDICTS = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


@route(
    "POST",
    "/repos/{owner}/{repo}/pulls/{number}/reviews",
    "pull_requests:write",
)
def create_review(context: Context) -> Response:
    """Review a pull request; not one's own."""
    pull = find_pull(context)
    data = context.request.json()
    event = str(data.get("event", "COMMENT"))
    if event == "APPROVE" and context.actor == pull.author:
        text = "Can not approve your own pull request"
        raise Problem(422, "Unprocessable Entity", errors=[text])
    review = {
        "id": context.box.new_id("pull"),
        "login": context.actor,
        "body": data.get("body") or "",
        "state": _VERDICTS.get(event, "PENDING"),
        "at": context.now,
        "sha": pull.head_sha,
    }
    pull.reviews.append(review)
    if context.actor in pull.reviewers:
        pull.reviewers.remove(context.actor)
    pull.updated_at = context.now
    context.box.touched()
    return Response(200, review_shape(context, pull, review))


class State:
    """What tests look at."""

    def __init__(self, box: Forge) -> None:
        self._box = box
        self.requests: list[RequestRecord] = []
        """Every request, in order."""
        self.unknown = box.unknown
        """Requests of the API at paths that the sandbox does not know."""

    def keep(self, record: RequestRecord) -> None:
        """Log a request; of very many the oldest are forgotten."""
        record.body = record.body[:_MOST_BYTES]
        record.response_body = record.response_body[:_MOST_BYTES]
        self.requests.append(record)
        if len(self.requests) > _MOST_REQUESTS:
            del self.requests[: _MOST_REQUESTS // 2]

    def releases(self, repository: str) -> list[Release]:
        """Return the releases of a repository, drafts among them."""
        return list(self._box.project(repository).releases.value.values())

    def tags(self, repository: str) -> dict[str, str]:
        """Return the commit of each tag, peeled."""
        git = self._box.project(repository).git
        prefix = "refs/tags/"
        return {
            ref.removeprefix(prefix): git.peel(sha) or sha
            for ref, sha in git.refs().items()
            if ref.startswith(prefix)
        }

    def branches(self, repository: str) -> dict[str, str]:
        """Return the head of each branch."""
        prefix = "refs/heads/"
        return {
            ref.removeprefix(prefix): sha
            for ref, sha in self._box.project(repository).git.refs().items()
            if ref.startswith(prefix)
        }

    def runs(self, repository: str) -> list[Run]:
        """Return the workflow runs, oldest first, unborn ones among them."""
        project = self._box.project(repository)
        with self._box.lock:
            self._box.notice(project)
        return list(project.runs)

    def pulls(self, repository: str) -> dict[int, Pull]:
        """Return the pull requests by number."""
        return self._box.project(repository).pulls

    def images(self) -> dict[str, Image]:
        """Return the images of every registry by name."""
        with self._box.lock:
            self._box.runner.settle()
        return self._box.images.images


@dataclass(slots=True)
class RequestRecord:
    """One request and its answer, for tests to look at."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Headers, without the credentials."""

    body: bytes
    status: int | None
    """`None` where the connection was reset."""

    response_headers: dict[str, str]
    response_body: bytes
    fault: str | None
    seconds: float
    """Time that the server took."""

    @property
    def is_read(self) -> bool:
        """Whether it asks, and changes nothing."""
        if self.path.endswith("/graphql"):
            return not self.body.startswith(b'{"query": "mutation')
        return self.method in {"GET", "HEAD"} or self.path.endswith(
            ("/git-upload-pack", "/generate-notes")
        )


class Sandbox(rsp_sandbox.Sandbox):
    """A sandbox that logs its requests, and fails as it is told.

    Parameters
    ----------
    scenario
        What workflows do.
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
        super().__init__(scenario, port, clock)
        self.faults = Faults()
        """What goes wrong."""
        self.state = State(self)
        """What tests look at."""
        self.graphql: dict[str, Callable[..., dict[str, Any]]] = {}
        """Handlers of GraphQL by a word that the query must hold."""
        self._request_numbers = itertools.count(1)
        self.application = self._answer

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, value, trace)
        served = tuple(
            f"{PREFIX}{name}/" for name, _ in self.argocd.applications
        )
        said = [r for r in self.state.requests if r.path.startswith(served)]
        if said and value is None:
            self._judge(said)

    def _judge(self, said: list[RequestRecord]) -> None:
        """Hold what was said to an Argo CD against its own description."""
        # With a library for that, which few tests need.
        from .argocd_contract import argocd_contract

        contract = argocd_contract()
        found = [line for r in said for line in contract.check_record(r)]
        assert not found, "\n".join(found)

    def _answer(self, request: Request) -> Response | None:
        began = time.perf_counter()
        number = next(self._request_numbers)
        name = self.faults.draw(number, request.method, request.path)
        response = self._graphql_answer(request)
        if response is None:
            response = self.faults.answer(self, name, request)
        shown = response or Response(0)
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
            status=response.status if response else None,
            response_headers=dict(shown.headers),
            response_body=shown.encoded(),
            fault=name,
            seconds=time.perf_counter() - began,
        )
        self.state.keep(record)
        return response

    def _graphql_answer(self, request: Request) -> Response | None:
        """Answer a GraphQL query that a test has a handler for."""
        if not self.graphql or request.path != "/api/graphql":
            return None
        token = self.accounts.api(request)
        data = request.json()
        for word, handler in self.graphql.items():
            if token is not None and word in str(data.get("query", "")):
                return Response(
                    200, handler(self, token, data.get("variables") or {})
                )
        return None

    def add_token(
        self,
        permissions: Mapping[str, str] | None = None,
        kind: Kind = "classic",
        *,
        login: str | None = None,
        scopes: tuple[str, ...] = SCOPES,
        limit: int | None = None,
    ) -> str:
        """Make a token and return its secret.

        Parameters
        ----------
        permissions
            Level by permission; by default all that its kind can be given.
        kind
            What sort of token it is. Only ``classic`` has scopes; only
            ``actions`` starts no workflow runs.
        login
            Whose it is.
        scopes
            Scopes of a classic token.
        limit
            Requests in an hour.
        """
        secret = _PREFIX[kind] + "Sandbox" + secrets.token_hex(15)
        owner = self.accounts.login
        if kind == "actions":
            owner = "github-actions[bot]"
        self.accounts.tokens[secret] = Token(
            secret=secret,
            kind=kind,
            login=login or owner,
            permissions=permissions,
            scopes=scopes if kind == "classic" else (),
            window=Window(_LIMIT[kind] if limit is None else limit),
        )
        return secret

    def add_ruleset(
        self,
        name: str,
        *,
        title: str = "protect",
        target: str = "tag",
        include: tuple[str, ...] = ("~ALL",),
        rules: tuple[Mapping[str, Any], ...] = ({"type": "creation"},),
        bypass: tuple[str, ...] = (),
    ) -> int:
        """Add a ruleset to a repository and return its number.

        Parameters
        ----------
        name
            Owner and name of the repository.
        title
            The ruleset's name.
        target
            ``tag`` or ``branch``.
        include
            Refs that it covers: patterns of full refs, or ``~ALL`` and
            ``~DEFAULT_BRANCH``.
        rules
            The rules as GitHub writes them, with their ``type``.
        bypass
            Logins that it does not bind.
        """
        project = self.project(name)
        number = 41_000 + len(project.rulesets)
        project.rulesets.append(
            {
                "id": number,
                "name": title,
                "target": target,
                "enforcement": "active",
                "conditions": {
                    "ref_name": {"include": list(include), "exclude": []}
                },
                "rules": [dict(rule) for rule in rules],
                "bypass_logins": list(bypass),
            }
        )
        return number

    def protect(
        self,
        name: str,
        branch: str,
        *,
        approvals: int = 0,
        checks: tuple[str, ...] = (),
    ) -> None:
        """Protect a branch: it takes pull requests only.

        Parameters
        ----------
        name
            Owner and name of the repository.
        branch
            The branch.
        approvals
            How many approvals a pull request needs.
        checks
            Names of the checks that it must have passed.
        """
        project = self.project(name)
        project.protected.add(branch)
        project.required_approvals = approvals
        project.required_checks = checks

    def remove_repository(self, name: str) -> None:
        """Delete a repository; its pull requests elsewhere stay."""
        project = self._projects.pop(name.lower())
        project.git.close()

"""Many repositories on GitHub, fifty with each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any

from ...deployment.fleet import Facts, Unreleased, is_release_branch
from ...exceptions import ReadError
from .graphql import GithubGraphql, GraphqlAnswer, batches
from .http import GithubHttp

__all__ = ["GithubFleet"]

_FACTS = """
fragment Facts on Repository {
  isArchived
  defaultBranchRef { name }
  latestRelease {
    tagName publishedAt url
    tagCommit {
      checkSuites(first: 20) {
        nodes {
          status conclusion workflowRun { event url createdAt }
        }
      }
    }
  }
  pullRequests(
    states: OPEN, first: 30,
    orderBy: {field: CREATED_AT, direction: DESC}
  ) { nodes { headRefName url } }
}
"""

_UNRELEASED = """
fragment Unreleased on Comparison {
  aheadBy
  commits(last: 100) {
    nodes { oid message parents(first: 2) { totalCount } }
  }
}
"""


class GithubFleet:
    """Reads many repositories at once.

    Parameters
    ----------
    http
        Sends the requests.
    random
        Spreads the attempts of a question.
    """

    def __init__(self, *, http: GithubHttp, random: Random) -> None:
        self._graphql = GithubGraphql(http=http, random=random)

    def facts(
        self,
        names: Sequence[str],
        advance: Callable[[int], None] = lambda count: None,
    ) -> Mapping[str, Facts]:
        """Read what there is to say of repositories.

        Parameters
        ----------
        names
            Owners and names.
        advance
            Called with how many repositories more were read.

        Returns
        -------
        Mapping of Facts
            Of every repository; where it cannot be read, why.
        """
        found: dict[str, Facts] = {}

        def ask(some: Sequence[str]) -> None:
            asked = _Question(some)
            for name in some:
                asked.add(name, "{ ...Facts }")
            for name, data, problem in asked.put(
                self._graphql, "Facts", _FACTS
            ):
                found[name] = _read(name, data, problem)
            advance(len(some))

        batches(list(dict.fromkeys(names)), ask)
        return found

    def unreleased(
        self,
        facts: Mapping[str, Facts],
        advance: Callable[[int], None] = lambda count: None,
    ) -> Mapping[str, Unreleased]:
        """Read what came after the latest release of repositories.

        Parameters
        ----------
        facts
            What is known of them.
        advance
            Called with how many repositories more were read.

        Returns
        -------
        Mapping of Unreleased
            Of every repository with a release, where it can be read.
        """
        found: dict[str, Unreleased] = {}
        names = [
            name
            for name, fact in facts.items()
            if fact.latest and fact.branch and not fact.problem
        ]

        def ask(some: Sequence[str]) -> None:
            asked = _Question(some)
            for name in some:
                tag = asked.variable(f"refs/tags/{facts[name].latest}")
                head = asked.variable(str(facts[name].branch))
                asked.add(
                    name,
                    f"{{ ref(qualifiedName: {tag})"
                    f" {{ compare(headRef: {head}) {{ ...Unreleased }} }}"
                    ' object(expression: "HEAD:changelog.d")'
                    " { ... on Tree { entries { name object"
                    " { ... on Blob { text } } } } } }",
                )
            for name, data, _ in asked.put(
                self._graphql, "Unreleased", _UNRELEASED
            ):
                compared = _read_unreleased(data)
                if compared is not None:
                    found[name] = compared
            advance(len(some))

        batches(names, ask)
        return found


class _Question:
    """A query about some repositories, each under an alias of its own."""

    def __init__(self, names: Sequence[str]) -> None:
        self._aliases = {f"r{n}": name for n, name in enumerate(names)}
        self._parts: list[str] = []
        self._variables: dict[str, str] = {}

    def variable(self, value: str) -> str:
        """Pass a text, and return what stands for it."""
        name = f"v{len(self._variables)}"
        self._variables[name] = value
        return f"${name}"

    def add(self, name: str, selection: str) -> None:
        """Ask for something of a repository."""
        owner, _, short = name.partition("/")
        alias = f"r{len(self._parts)}"
        self._parts.append(
            f"{alias}: repository(owner: {self.variable(owner)},"
            f" name: {self.variable(short)}) {selection}"
        )

    def put(
        self, graphql: GithubGraphql, title: str, fragment: str
    ) -> list[tuple[str, Any, str]]:
        """Ask, and return the answer for each repository.

        Where a whole request fails, the answer for each is why.
        """
        declared = ", ".join(f"${name}: String!" for name in self._variables)
        query = f"query {title}({declared}) {{ {' '.join(self._parts)} }}"
        try:
            answer = graphql.ask(query + fragment, self._variables)
        except ReadError as e:
            answer = GraphqlAnswer(data={}, errors={"": e.message})
        usual = answer.errors.get("", "no such repository, or not allowed")
        return [
            (name, answer.data.get(alias), answer.errors.get(alias, usual))
            for alias, name in self._aliases.items()
        ]


def _read(name: str, data: Any, problem: str) -> Facts:
    """Read one repository, whatever is in the answer."""
    if not isinstance(data, dict):
        return Facts(problem=problem)
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        kind = type(e).__name__
        return Facts(problem=f"GitHub's answer makes no sense ({kind})")


def _parse(data: Any) -> Facts:
    release = data["latestRelease"] or {}
    commit = release.get("tagCommit") or {}
    runs = [
        (suite["workflowRun"]["createdAt"], suite)
        for suite in (commit.get("checkSuites") or {}).get("nodes") or []
        if suite
        and suite["workflowRun"]
        and suite["workflowRun"]["event"] in {"release", "push"}
    ]
    published = [r for r in runs if r[1]["workflowRun"]["event"] == "release"]
    newest = max(published or runs, key=lambda run: run[0], default=None)
    suite = newest[1] if newest else None
    pull = next(
        (
            pull["url"]
            for pull in (data["pullRequests"] or {}).get("nodes") or []
            if pull and is_release_branch(pull["headRefName"])
        ),
        None,
    )
    branch = data["defaultBranchRef"]
    published_at = release.get("publishedAt")
    return Facts(
        branch=branch["name"] if branch else None,
        latest=release.get("tagName"),
        released_at=datetime.fromisoformat(published_at)
        if published_at
        else None,
        release_url=release.get("url"),
        run=(suite["conclusion"] or suite["status"]).lower()
        if suite
        else None,
        run_url=suite["workflowRun"]["url"] if suite else None,
        release_pull=pull,
        is_archived=bool(data["isArchived"]),
    )


def _read_unreleased(data: Any) -> Unreleased | None:
    try:
        compared = data["ref"]["compare"]
        folder = data.get("object") or {}
        return Unreleased(
            total=int(compared["aheadBy"]),
            commits=tuple(
                (c["oid"], c["message"], c["parents"]["totalCount"])
                for c in reversed(compared["commits"]["nodes"])
                if c
            ),
            fragments=tuple(
                (entry["name"], entry["object"]["text"])
                for entry in folder.get("entries") or ()
                if (entry.get("object") or {}).get("text")
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None

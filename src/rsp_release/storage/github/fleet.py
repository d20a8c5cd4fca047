"""Many repositories on GitHub, fifty with each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...deployment.fleet import Facts, Unreleased
from ...models.naming import CHANGELOG_BRANCHES
from .answers import UNUSABLE
from .graphql import Variable, ask_repositories
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
    """

    def __init__(self, *, http: GithubHttp) -> None:
        self._http = http

    def facts(
        self, names: Sequence[str], advance: Callable[[int], None]
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
        return {
            name: _read(name, data, problem)
            for name, data, problem in ask_repositories(
                self._http,
                [(name, name) for name in dict.fromkeys(names)],
                lambda name, variable: "{ ...Facts }",
                _FACTS,
                advance,
            )
        }

    def unreleased(
        self, facts: Mapping[str, Facts], advance: Callable[[int], None]
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
        names = [
            (name, name)
            for name, fact in facts.items()
            if fact.latest and fact.branch and not fact.problem
        ]

        def select(name: str, variable: Variable) -> str:
            tag = variable(f"refs/tags/{facts[name].latest}")
            head = variable(str(facts[name].branch))
            return (
                f"{{ ref(qualifiedName: {tag})"
                f" {{ compare(headRef: {head}) {{ ...Unreleased }} }}"
                ' object(expression: "HEAD:changelog.d")'
                " { ... on Tree { entries { name object"
                " { ... on Blob { text } } } } } }"
            )

        answers = ask_repositories(
            self._http, names, select, _UNRELEASED, advance
        )
        read = {name: _read_unreleased(data) for name, data, _ in answers}
        return {name: each for name, each in read.items() if each is not None}


def _read(name: str, data: Any, problem: str) -> Facts:
    """Read one repository, whatever is in the answer."""
    if not isinstance(data, dict):
        return Facts(problem=problem)
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        kind = type(e).__name__
        return Facts(problem=f"{UNUSABLE}: {kind}")


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
            if pull and pull["headRefName"].startswith(CHANGELOG_BRANCHES)
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

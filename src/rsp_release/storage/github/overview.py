"""What GraphQL tells of a repository at once, where REST takes many requests.

Either all that is asked for is told, and in a shape that is understood, or
REST is asked: GitHub may have no GraphQL, an older server lacks fields, and a
fine-grained token may not see checks by it. What was not told once is asked
by REST from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from ...exceptions import NotAllowedError, ReadError
from ...models import Check, PullRequest, ReleasePage, Repository
from .answers import reading
from .graphql import GraphqlLimitError, query
from .http import GithubHttp
from .shapes import check_state, newest_reviews

__all__ = ["Branch", "Overview", "Pulled", "Tagged", "Whole", "hash_blob"]

T = TypeVar("T")

# The slug of a team takes a permission of the organisation's: who asked for a
# team's review is told by REST.
_PULL = """
fragment Pull on PullRequest {
  number url state headRefOid headRefName baseRefName
  headRepositoryOwner { login }
  title body isDraft createdAt
  author { __typename login }
  mergeCommit { oid }
  autoMergeRequest { mergeMethod }
  labels(first: 100) { pageInfo { hasNextPage } nodes { name } }
  reviewRequests(first: 100) {
    pageInfo { hasNextPage }
    nodes { requestedReviewer { __typename ... on User { login } } }
  }
}
"""

_STATE = """
fragment State on PullRequest {
  mergeStateStatus
  reviews(first: 100) {
    pageInfo { hasNextPage }
    nodes { state author { __typename login } }
  }
}
"""

_CHECKS = """
fragment Checks on Commit {
  statusCheckRollup {
    contexts(first: 100) {
      pageInfo { hasNextPage }
      nodes {
        __typename
        ... on CheckRun {
          name status conclusion detailsUrl
          checkSuite { id workflowRun { event workflow { id } } }
        }
        ... on StatusContext { context state }
      }
    }
  }
}
"""

_PARTS = {"...Pull ": _PULL, "...State ": _STATE, "...Checks ": _CHECKS}
"""Fragments, by how they stand where they are wanted."""

_PULLS = (
    " pulls: pullRequests(headRefName: $branch, first: 10,"
    " orderBy: {field: CREATED_AT, direction: DESC})"
    " { pageInfo { hasNextPage } nodes { ...Pull ...State"
    " commits(last: 1) { nodes { commit { oid ...Checks } } } } }"
    " ref(qualifiedName: $ref) { target { __typename oid } }"
)

_DEFAULT = (
    " defaultBranchRef { name target { __typename oid"
    " ... on Commit { tree { oid } } } }"
)

_WHOLE = (
    " isArchived isPrivate autoMergeAllowed viewerPermission"
    " open: pullRequests(states: OPEN, first: 100)"
    " { pageInfo { hasNextPage } nodes { ...Pull } }"
)

_RELEASE = (
    " release(tagName: $tag) { databaseId tagName name description isDraft"
    " isPrerelease url author { __typename login } }"
    " releases(first: 100, orderBy: {field: CREATED_AT, direction: DESC})"
    " { pageInfo { hasNextPage } nodes { tagName isDraft } }"
    " ref(qualifiedName: $ref) { target { __typename oid"
    " ... on Tag { target { __typename oid } } } }"
)

_COMMIT = " object(oid: $commit) { __typename oid ...Checks }"


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pull request, and whether its checks were told as well."""

    pull: PullRequest
    """The pull request."""

    has_checks: bool
    """Whether REST need not be asked for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """What concerns one branch."""

    pulls: tuple[Pulled, ...]
    """All pull requests of it, of whatever owner, newest first."""

    heads: Mapping[str, str | None]
    """Its head, and that of the default branch, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A repository, and what concerns the branch that is attended to."""

    repository: Repository
    """What these credentials see of it."""

    tree: str
    """The tree of the default branch's head."""

    open_pulls: tuple[PullRequest, ...]
    """Every pull request that is open, without its checks."""

    branch: Branch
    """The branch; without one, the default branch alone."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """What there is by the name of a tag."""

    pages: tuple[ReleasePage, ...]
    """Its release, where it is published."""

    commit: str | None
    """The commit that it leads to; `None` where there is no such tag."""


class Overview:
    """Asks for much of one repository at once, as long as it is told.

    Parameters
    ----------
    http
        Sends the requests.
    own_run
        The number of the workflow run that this program is a part of, if it
        is.
    """

    def __init__(self, http: GithubHttp, own_run: int | None) -> None:
        self._http = http
        self._own_run = own_run
        self._branch: str | None = None
        # It is for nobody without credentials.
        self._is_told = http.has_token
        self._tells_checks = True

    def branch(self, name: str, branch: str) -> Branch | None:
        """Return what concerns a branch.

        Parameters
        ----------
        name
            Owner and name of the repository.
        branch
            The branch.

        Returns
        -------
        Branch or None
            What is there; `None` where REST has to be asked.
        """
        if branch == self._branch and (whole := self.whole(name)):
            return whole.branch
        return self._ask(
            name,
            _DEFAULT + _PULLS,
            lambda data: self._read_branch(data, branch),
            branch=("String!", branch),
            ref=("String!", f"refs/heads/{branch}"),
        )

    def tag(self, name: str, tag: str) -> Tagged | None:
        """Return what there is by the name of a tag.

        Parameters
        ----------
        name
            Owner and name of the repository.
        tag
            The tag.

        Returns
        -------
        Tagged or None
            What is there; `None` where REST has to be asked.
        """
        return self._ask(
            name,
            _RELEASE,
            lambda data: _read_tagged(data, tag),
            tag=("String!", tag),
            ref=("String!", f"refs/tags/{tag}"),
        )

    def attend(self, branch: str) -> None:
        """Ask for all that there is from now on, and for a branch with it.

        Parameters
        ----------
        branch
            The branch; empty: none is known of yet.
        """
        self._branch = branch or self._branch or ""

    def whole(self, name: str) -> Whole | None:
        """Return a repository, and what concerns the branch attended to.

        Parameters
        ----------
        name
            Owner and name of the repository.

        Returns
        -------
        Whole or None
            What is there; `None` where REST has to be asked, or where only
            parts of it are asked for.
        """
        if self._branch is None:
            return None
        branch, more = self._branch, {}
        if branch:
            more = {
                "branch": ("String!", branch),
                "ref": ("String!", f"refs/heads/{branch}"),
            }
        return self._ask(
            name,
            _DEFAULT + _WHOLE + (_PULLS if branch else ""),
            lambda data: self._read_whole(data, branch),
            **more,
        )

    def files(
        self, name: str, commit: str, paths: Sequence[str]
    ) -> dict[str, str] | None:
        """Return files of a commit, each exactly; without those not there.

        Parameters
        ----------
        name
            Owner and name of the repository.
        commit
            The commit.
        paths
            Their paths.

        Returns
        -------
        dict or None
            Texts by path; `None` where REST has to be asked.
        """
        names = {f"f{number}": path for number, path in enumerate(paths)}
        wanted = "".join(
            f" {alias}: object(expression: ${alias})"
            " { __typename oid ... on Blob { text } }"
            for alias in names
        )

        def read(data: Any) -> dict[str, str]:
            if data["object"]["oid"] != commit:
                raise ValueError("it shows another commit")
            found = {
                path: data[alias]
                for alias, path in names.items()
                if data[alias] is not None
            }
            for each in found.values():
                if hash_blob(each["text"]) != each["oid"]:
                    raise ValueError("it shows a file otherwise")
            return {path: each["text"] for path, each in found.items()}

        return self._ask(
            name,
            " object(oid: $commit) { __typename oid }" + wanted,
            read,
            commit=("GitObjectID!", commit),
            **{
                alias: ("String!", f"{commit}:{path}")
                for alias, path in names.items()
            },
        )

    def checks(self, name: str, commit: str) -> tuple[Check, ...] | None:
        """Return checks and statuses of a commit, but for scheduled ones.

        Parameters
        ----------
        name
            Owner and name of the repository.
        commit
            The commit.

        Returns
        -------
        tuple of Check or None
            What is told; `None` where REST has to be asked.
        """
        if not self._tells_checks:
            return None
        return self._ask(
            name,
            _COMMIT,
            lambda data: self._read_checks(
                data["object"], skips_scheduled=True
            ),
            commit=("GitObjectID!", commit),
        )

    def _ask(
        self,
        name: str,
        select: str,
        read: Callable[[Any], T],
        **variables: tuple[str, str],
    ) -> T | None:
        """Ask for parts of a repository; `None` where they are not told."""
        owner, _, short = name.partition("/")
        wanted = {
            "owner": ("String!", owner), "name": ("String!", short),
            **variables,
        }  # fmt: skip
        declared = ", ".join(
            f"${k}: {kind}" for k, (kind, _) in wanted.items()
        )
        values = {key: value for key, (_, value) in wanted.items()}
        while self._is_told:
            asks_checks = self._tells_checks
            if not asks_checks:
                select = select.replace("...Checks ", "")
            text = (
                f"query Overview({declared}) {{ repository(owner: $owner,"
                f" name: $name) {{ nameWithOwner{select} }} }}"
            )
            text += "".join(f for key, f in _PARTS.items() if key in select)
            try:
                answer = query(self._http, text, values)
                if not answer.errors:
                    return self._read(
                        answer.data.get("repository"), name, read
                    )
            except (ReadError, NotAllowedError, GraphqlLimitError):
                break
            if not asks_checks or not all(
                "statusCheckRollup" in path for path in answer.paths
            ):
                break
            self._tells_checks = False
        self._is_told = False
        return None

    @reading
    def _read(
        self, data: Any, name: str, read: Callable[[Any], T]
    ) -> T | None:
        # Unlike REST it says nothing of where it led.
        self._http.has_moved |= data["nameWithOwner"].lower() != name.lower()
        return read(data)

    def _read_branch(self, data: Any, branch: str) -> Branch:
        base, ref = data["defaultBranchRef"], data["ref"]
        heads = {branch: ref["target"]["oid"] if ref else None}
        if base is not None:
            heads[base["name"]] = base["target"]["oid"]
        found = []
        for node in _nodes(data["pulls"]):
            [last] = node["commits"]["nodes"]
            checks = None
            if last["commit"]["oid"] == node["headRefOid"]:
                checks = self._read_checks(last["commit"])
            pull = _read_pull(
                node,
                checks=checks or (),
                merge_state=node["mergeStateStatus"].lower(),
                reviews=newest_reviews(
                    (_login(each["author"]), each["state"])
                    for each in _nodes(node["reviews"])
                ),
            )
            found.append(Pulled(pull, checks is not None))
        found.sort(key=lambda each: -each.pull.number)
        return Branch(pulls=tuple(found), heads=heads)

    def _read_whole(self, data: Any, branch: str) -> Whole:
        base, permission = data["defaultBranchRef"], data["viewerPermission"]
        heads = {base["name"]: base["target"]["oid"]}
        return Whole(
            repository=Repository(
                name=data["nameWithOwner"],
                default_branch=base["name"],
                # An app is no person, and has none.
                can_push=permission in {"ADMIN", "MAINTAIN", "WRITE"}
                if permission
                else None,
                is_archived=data["isArchived"],
                is_private=data["isPrivate"],
                allows_auto_merge=data["autoMergeAllowed"],
            ),
            tree=base["target"]["tree"]["oid"],
            open_pulls=tuple(map(_read_pull, _nodes(data["open"]))),
            branch=self._read_branch(data, branch)
            if branch
            else Branch(pulls=(), heads=heads),
        )

    def _read_checks(
        self, commit: Any, *, skips_scheduled: bool = False
    ) -> tuple[Check, ...] | None:
        """Read checks; `None` where they are not told, or not which counts."""
        if not self._tells_checks:
            return None
        rollup = commit["statusCheckRollup"]
        found: dict[tuple[str, str, str], Check] = {}
        for node in _nodes(rollup["contexts"]) if rollup else ():
            key, check = self._read_check(node)
            if key[1] == "schedule" and skips_scheduled:
                continue
            # Required, and not told of yet by anybody.
            if node.get("state") == "EXPECTED":
                continue
            if key in found:
                # REST tells by their numbers which is the newest.
                return None
            found[key] = check
        return tuple(found.values())

    def _read_check(self, node: Any) -> tuple[tuple[str, str, str], Check]:
        """Read a check or a status; first what only the newest counts of.

        That is the name, the event and the workflow.
        """
        if node["__typename"] == "StatusContext":
            name, state = node["context"], node["state"].lower()
            is_over = "queued" if state == "pending" else "completed"
            check = Check(name=name, state=check_state(is_over, state))
            return (name, "", ""), check
        name, suite = node["name"], node["checkSuite"]
        run = suite["workflowRun"]
        conclusion = (node["conclusion"] or "").lower()
        check = Check(
            name=name,
            state=check_state(node["status"].lower(), conclusion),
            is_own=f"/runs/{self._own_run}/" in (node["detailsUrl"] or ""),
        )
        if run:
            return (name, run["event"], run["workflow"]["id"]), check
        return (name, "", suite["id"]), check


def hash_blob(text: str) -> str:
    """Return the hash that git gives to a file.

    Parameters
    ----------
    text
        The file.
    """
    data = text.encode("utf-8", "surrogatepass")
    header = b"blob %d\0" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def _nodes(connection: Any) -> Sequence[Any]:
    """Return all of some things; raise if there are more of them."""
    if connection["pageInfo"]["hasNextPage"]:
        raise ValueError("there are more of them")
    nodes: Sequence[Any] = connection["nodes"]
    return nodes


def _login(actor: Any) -> str:
    """Return an account's login, as REST has it."""
    if actor is None:
        return "ghost"
    mark = "[bot]" if actor["__typename"] == "Bot" else ""
    return f"{actor['login']}{mark}"


def _read_pull(node: Any, **more: Any) -> PullRequest:
    """Read a pull request, as `shapes.parse_pull` does."""
    is_merged, owner = node["state"] == "MERGED", node["headRepositoryOwner"]
    return PullRequest(
        number=node["number"],
        url=node["url"],
        is_open=node["state"] == "OPEN",
        is_merged=is_merged,
        head=node["headRefOid"],
        merge_commit=node["mergeCommit"]["oid"] if is_merged else None,
        branch=node["headRefName"],
        base=node["baseRefName"],
        owner=owner["login"] if owner else "",
        title=node["title"],
        body=node["body"],
        is_draft=node["isDraft"],
        labels=tuple(each["name"] for each in _nodes(node["labels"])),
        reviewers=tuple(
            each["requestedReviewer"]["login"]
            for each in _nodes(node["reviewRequests"])
        ),
        merges_itself=node["autoMergeRequest"] is not None,
        opened_at=datetime.fromisoformat(node["createdAt"]),
        author=_login(node["author"]),
        **more,
    )


def _read_tagged(data: Any, tag: str) -> Tagged:
    """Read what there is of a tag; raise where REST has to tell more."""
    page, ref = data["release"], data["ref"]
    pages: tuple[ReleasePage, ...] = ()
    if page is None:
        if any(each["tagName"] == tag for each in _nodes(data["releases"])):
            raise ValueError("there are drafts")
    elif page["isDraft"]:
        raise ValueError("it is a draft")
    else:
        pages = (
            ReleasePage(
                id=page["databaseId"],
                tag=page["tagName"],
                title=page["name"] or "",
                body=page["description"] or "",
                is_draft=False,
                is_prerelease=page["isPrerelease"],
                url=page["url"],
                # Of bots nothing is told here.
                author=page["author"]["login"],
            ),
        )
    target = ref["target"] if ref else None
    if target and target["__typename"] == "Tag":
        target = target["target"]
    if target and target["__typename"] != "Commit":
        raise ValueError("a tag of a tag")
    return Tagged(pages, target["oid"] if target else None)

"""A deployment repository on GitHub: its files, branches and pull requests.

Nothing is cloned. A commit is made of blobs, a tree and the commit itself,
none of which anybody sees until the one write that counts: the branch.
https://docs.github.com/en/rest/git
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from github.GitCommit import GitCommit
from github.GithubObject import NotSet
from github.GitRef import GitRef
from github.GitTree import GitTree
from github.InputGitTreeElement import InputGitTreeElement
from github.Repository import Repository as GithubRepository

from ...exceptions import (
    BlockedError,
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    UncertainError,
)
from ...models import EditPull, Fork, MakeFork, PushFiles, Repository
from .answers import MissingEndpointError, deny_repository, reading, writing
from .graphql import batches, query
from .http import GithubHttp
from .overview import Whole, hash_blob
from .pulls import GithubPulls
from .shapes import parse_repository

__all__ = ["GithubDeploy"]

# GitHub coerces one value to a list of it, as GraphQL has it.
_FORK = """
query Fork($owner: String!, $name: String!) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    forks(affiliations: OWNER, first: 10) {
      nodes { nameWithOwner defaultBranchRef { name } }
    }
  }
}
"""


_FILES = 100
"""Files that are asked for in one request; those of charts are small."""


class _File(NamedTuple):
    """A file of a commit."""

    sha: str
    mode: str


class GithubDeploy(GithubPulls):
    """A deployment repository on GitHub.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    """

    is_local = False

    def __init__(self, *, http: GithubHttp, repository: str) -> None:
        super().__init__(http=http, repository=repository)
        self._trees: dict[tuple[str, str], dict[str, _File]] = {}
        self._blobs: dict[str, str] = {}
        self._scanned: dict[str, str] = {}
        self._contained: dict[tuple[str, str], bool] = {}
        self._roots: dict[str, str] = {}
        """The trees of commits."""

    # -- Reading ------------------------------------------------------------

    @reading
    def repository(self, branch: str = "") -> Repository:
        """Return what these credentials see of it.

        Parameters
        ----------
        branch
            A branch whose head and pull requests are asked for next: GitHub
            tells of them by the same request.
        """
        self._overview.attend(branch)
        whole = self._whole()
        if whole is not None and whole.repository.can_push is not None:
            return whole.repository
        found = self._look_up()
        if found is None:
            denied = deny_repository(self.name, self._http.web_url)
            raise BlockedError(
                denied.message,
                help=f"check deploy.repository in the settings\n{denied.help}",
            )
        return parse_repository(found)

    @reading
    def fork(self) -> Fork:
        """Return the fork of whoever runs this, whatever it is called.

        A fork has another name than the repository where that was taken, or
        where somebody renamed it.
        """
        owner, _, name = self.name.partition("/")
        try:
            answer = query(self._http, _FORK, {"owner": owner, "name": name})
        except MissingEndpointError as e:
            raise NotAllowedError(
                f"cannot write to {self.name}, and not find a fork of it:"
                f" {e.message}",
                help=f"use a token that may write to {self.name}",
            ) from e
        repository = answer.data["repository"]
        if repository is None:
            said = "; ".join(answer.errors.values())
            raise ReadError(f"GitHub shows no forks of {self.name}: {said}")
        login = str(answer.data["viewer"]["login"])
        found = [
            fork
            for fork in repository["forks"]["nodes"]
            if fork and fork["nameWithOwner"].partition("/")[0] == login
        ]
        if not found:
            return Fork(owner=login)
        return Fork(
            owner=login,
            name=str(found[0]["nameWithOwner"]),
            is_ready=found[0]["defaultBranchRef"] is not None,
        )

    @reading
    def branch(self, repository: str, branch: str) -> str | None:
        """Return the head of a branch, there or in a fork."""
        whole = self._whole() if repository == self.name else None
        if whole is not None and branch in whole.branch.heads:
            return whole.branch.heads[branch]
        repo = self._repo_at(repository)
        ref = self._http.find(lambda: repo.get_git_ref(f"heads/{branch}"))
        if ref is None:
            return None
        if not ref.object.sha:
            raise ValueError("a branch at no commit")
        return ref.object.sha

    def _whole(self) -> Whole | None:
        """Ask for all that there is; `None`: REST has to be asked."""
        whole = self._overview.whole(self.name)
        if whole is not None:
            base = whole.branch.heads[whole.repository.default_branch]
            self._roots[str(base)] = whole.tree
            if whole.repository.name != self.name:
                self._go_by(whole.repository.name)
        return whole

    def _repo_at(self, name: str) -> GithubRepository:
        return self._http.at(GithubRepository, f"/repos/{quote(name)}")

    def paths(self, commit: str) -> tuple[str, ...]:
        """Return the path of every file of a commit."""
        return tuple(self._tree(commit))

    @reading
    def _tree(
        self, commit: str, repository: str | None = None
    ) -> dict[str, _File]:
        key = repository or self.name, commit
        if key not in self._trees:
            tree = self._repo_at(key[0]).get_git_tree(commit, recursive=True)
            if tree.truncated is not False:
                raise ReadError(
                    f"{self.name} has too many files for GitHub to list",
                    help="use a checkout: rsp-release deploy --local PATH",
                )
            self._trees[key] = {
                item.path: _File(item.sha, item.mode)
                for item in tree.tree
                if item.type == "blob"
            }
        return self._trees[key]

    def read(
        self, commit: str, paths: Sequence[str], repository: str | None = None
    ) -> Mapping[str, str]:
        """Return files, each exactly; those not there are left out."""
        name = repository or self.name
        if (name, commit) not in self._trees:
            told = self._overview.files(name, commit, paths)
            if told is not None:
                return told
        tree = self._tree(commit, repository)
        repo = self._repo_at(name)
        return {
            path: self._read(repo, tree[path].sha, path)
            for path in paths
            if path in tree
        }

    @reading
    def _read(self, repo: GithubRepository, sha: str, path: str) -> str:
        known = self._scanned.get(sha)
        if known is not None and hash_blob(known) == sha:
            return known
        if sha not in self._blobs:
            data = base64.b64decode(repo.get_git_blob(sha).content)
            try:
                self._blobs[sha] = data.decode("utf-8")
            except UnicodeDecodeError as e:
                raise BlockedError(f"{path} is no text in UTF-8") from e
        return self._blobs[sha]

    def scan(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Return many files to look at, a hundred with each request."""
        tree = self._tree(commit)
        found = [path for path in paths if path in tree]
        unknown = {tree[path].sha for path in found} - self._scanned.keys()
        try:
            for some in batches(sorted(unknown), _FILES):
                self._scan(some)
        except MissingEndpointError:
            # One after the other, as a server without GraphQL has it.
            for path in found:
                with suppress(BlockedError):
                    text = self._read(self._repo, tree[path].sha, path)
                    self._scanned[tree[path].sha] = text
                self._scanned.setdefault(tree[path].sha, "")
        return {path: self._scanned[tree[path].sha] for path in found}

    def _scan(self, shas: Sequence[str]) -> None:
        aliases = {f"f{n}": sha for n, sha in enumerate(shas)}
        wanted = " ".join(
            f"{alias}: object(oid: ${alias}) {{ ... on Blob {{ text }} }}"
            for alias in aliases
        )
        declared = "".join(f", ${alias}: GitObjectID!" for alias in aliases)
        owner, _, name = self.name.partition("/")
        answer = query(
            self._http,
            f"query Files($owner: String!, $name: String!{declared})"
            f" {{ repository(owner: $owner, name: $name) {{ {wanted} }} }}",
            {"owner": owner, "name": name, **aliases},
        )
        files = answer.data.get("repository")
        if files is None:
            said = "; ".join(answer.errors.values())
            raise ReadError(f"GitHub shows no files of {self.name}: {said}")
        for alias, sha in aliases.items():
            # No text: it is binary, and nothing that is looked for.
            self._scanned[sha] = (files.get(alias) or {}).get("text") or ""

    @reading
    def message(self, repository: str, commit: str) -> str:
        """Return the message of a commit. Untrusted text."""
        return self._repo_at(repository).get_git_commit(commit).message

    def contains(self, revision: str, commit: str) -> bool:
        """Return whether a revision has a commit in its history."""
        if commit == revision:
            return True
        if (revision, commit) not in self._contained:
            # Where it has, it has for ever; where not, neither changes.
            self._contained[revision, commit] = self._compare(revision, commit)
        return self._contained[revision, commit]

    @reading
    def _compare(self, revision: str, commit: str) -> bool:
        compared = self._repo.compare(
            commit, revision, comparison_commits_per_page=1
        )
        return compared.status in ("ahead", "identical")

    # -- Writing ------------------------------------------------------------

    @writing
    def make_fork(self, write: MakeFork) -> None:
        """Begin to fork it; that it is there shows later."""
        self._repo.create_fork()

    @writing
    def push_files(self, write: PushFiles) -> None:
        """Put a branch at one new commit."""
        repo = self._repo_at(write.repository)
        try:
            commit = self._make_commit(repo, write)
            if write.expected is not None:
                head = self.branch(write.repository, write.branch)
                if head != write.expected:
                    raise RefusedError(
                        f"branch {write.branch} is not at"
                        f" {write.expected[:10]} any more"
                    )
        except RefusedError as e:
            if "repository is empty" not in e.message.lower():
                raise
            raise NotSentError(
                f"GitHub is still making {write.repository}"
            ) from e
        except (ReadError, UncertainError) as e:
            # Whatever was made, nothing leads to it.
            raise NotSentError(e.message) from e
        if write.expected is not None:
            path = f"{repo.url}/git/refs/heads/{quote(write.branch)}"
            self._http.at(GitRef, path).edit(commit, force=True)
            return
        repo.create_git_ref(f"refs/heads/{write.branch}", commit)

    @writing
    def _make_commit(self, repo: GithubRepository, write: PushFiles) -> str:
        root, path = self._roots.get(write.base), f"{self._root}/git"
        if root is None:
            root = self._repo.get_git_commit(write.base).tree.sha
        base = self._http.at(GitTree, f"{path}/trees/{root}", sha=root)
        tree = self._tree(write.base)
        entries = []
        for path, text in write.files:
            mode = tree[path].mode if path in tree else "100644"
            entries.append(
                InputGitTreeElement(path, mode, "blob", content=text)
            )
        # A fork shares the objects of what it is a fork of.
        made = repo.create_git_tree(entries, base)
        before = self._http.at(
            GitCommit, f"{path}/commits/{write.base}", sha=write.base
        )
        return repo.create_git_commit(write.message, made, [before]).sha

    @writing
    def edit_pull(self, write: EditPull) -> None:
        """Change what a pull request says, or close it."""
        self._pull_at(write.number).edit(
            title=write.title,
            body=write.body,
            state="closed" if write.closes else NotSet,
        )

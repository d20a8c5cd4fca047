"""The user's clone: its commits and tags, with those of its remote."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from ...exceptions import (
    BlockedError,
    RefusedError,
    ReleaseError,
    UncertainError,
    UsageError,
)
from ...models import Commit, PushBranch, PushTag, RemoteRefs
from ...models.naming import CHANGELOG_BRANCHES, CLAIM
from .branches import Sign, is_signing, make_commits, push_branch
from .history_git import OFF, with_settings
from .remote import Remote
from .repository import Repository
from .signing import explain_failure, make_mark, open_trial, try_out

__all__ = ["GitClone", "Sign"]

_MOST_COMMITS = 1000
"""More would make no readable notes."""

_TAGS = "refs/tags/"

_ROBOT = {
    "name": "github-actions[bot]",
    "email": "41898282+github-actions[bot]@users.noreply.github.com",
}


class GitClone:
    """A clone and one of its remotes.

    Parameters
    ----------
    repository
        The clone.
    remote
        Its remote.
    sign
        Whether tags and commits are signed.
    """

    def __init__(
        self, repository: Repository, remote: Remote, *, sign: Sign
    ) -> None:
        self.repository = repository
        self._remote = remote
        self.remote = remote.name
        """The name of the remote."""
        self.url = self._remote.url
        """The remote's URL, without any credentials in it."""
        self.root = self.repository.root
        """The top directory of the work tree."""
        self.journals = self.repository.common_dir / "rsp-release"
        """The directory of the clone's journals."""
        self._sign = sign
        self._made: set[str] = set()
        self._has_signed = False
        self._prepare_identity()

    def head(self) -> str:
        commit = self.repository.peel("HEAD")
        if commit is None:
            raise UsageError(
                "the repository has no commit yet",
                help="commit something first",
            )
        return commit

    def branch(self) -> str | None:
        return self._follow("HEAD", "refs/heads/")

    def _follow(self, symbol: str, start: str) -> str | None:
        """Return which branch a symbolic ref names, if it is one."""
        name = self.repository.ask("symbolic-ref", "--quiet", symbol)
        return (name or "").removeprefix(start) or None

    def is_shallow(self) -> bool:
        out = self.repository.read("rev-parse", "--is-shallow-repository")
        return out.strip() == "true"

    def uncommitted(self) -> tuple[str, ...]:
        out = self.repository.read(
            "status", "--porcelain=v1", "-z", "--untracked-files=no",
            "--no-renames", env=with_settings(self.repository.environ, OFF),
        )  # fmt: skip
        return tuple(entry[3:] for entry in out.split("\0") if entry)

    def local_tag(self, tag: str) -> str | None:
        return self.repository.peel(f"refs/tags/{tag}")

    def list_early(self) -> None:
        """Begin to list the remote's refs, which are wanted in a moment."""
        self._remote.list_early()

    def remote_tag(self, tag: str) -> str | None:
        ref = f"refs/tags/{tag}"
        refs = self._remote.refs(ref, f"{ref}^{{}}")
        return refs.get(f"{ref}^{{}}", refs.get(ref))

    def remote_branch(
        self,
        branch: str,
        told: str | None = None,
        *,
        merged: str | None = None,
    ) -> str | None:
        ref = f"refs/heads/{branch}"
        if not self._remote.is_known(ref):
            if told is not None and self.repository.peel(told) is not None:
                return told
            if merged is not None and self.repository.peel(merged) is None:
                self._remote.list_early()
                # If it is not there yet, the list may show what is.
                with suppress(ReleaseError):
                    self._fetch_branch(branch)
        return self._fetch_head(branch, self._remote.refs(ref).get(ref))

    def _fetch_head(self, branch: str, head: str | None) -> str | None:
        """Fetch a branch whose head the clone does not have."""
        if head is not None and self.repository.peel(head) is None:
            self._fetch_branch(branch)
        return head

    def _fetch_branch(self, branch: str) -> None:
        tracking = f"refs/remotes/{self.remote}/{branch}"
        refspec = f"+refs/heads/{branch}:{tracking}"
        self._fetch("--no-tags", refspec=refspec)

    def default_branch(self, *, asks: bool = True) -> str | None:
        """Return the remote's default branch, as the clone or it knows.

        Parameters
        ----------
        asks
            Whether the remote may be asked where the clone does not know.
        """
        start = f"refs/remotes/{self.remote}/"
        known = self._follow(f"{start}HEAD", start)
        if known or not asks:
            return known
        out = self._remote.read(
            "ls-remote", "--symref", self._remote.target, "HEAD"
        )
        match = re.match(r"ref: refs/heads/(\S+)\tHEAD", out)
        return match[1] if match else None

    def deepen(self) -> None:
        """Complete a shallow clone, and fetch the tags.

        Raises
        ------
        ReadError
            Raised if the remote does not answer.
        """
        how = ("--unshallow",) if self.is_shallow() else ()
        self._fetch("--tags", *how)

    def _fetch(self, *options: str, refspec: str = "") -> None:
        target = self._remote.target
        refspecs = filter(None, [refspec])
        self._remote.read("fetch", "--quiet", *options, target, *refspecs)

    def remote_branches(self, prefix: str) -> dict[str, str]:
        start = "refs/heads/"
        return _below(start, self._remote.refs(f"{start}{prefix}*"))

    def push_branch(self, write: PushBranch) -> str | None:
        return push_branch(self.repository, self._remote, self._sign, write)

    def remote_refs(self, branch: str) -> RemoteRefs:
        head = f"refs/heads/{branch}"
        start = f"refs/heads/{CHANGELOG_BRANCHES}"
        # One look, so that the claim is no newer than all else.
        found = self._remote.refs(CLAIM, head, f"{start}*", f"{_TAGS}*")
        tags = _tags_of(found)
        return RemoteRefs(
            claim=found.get(CLAIM, ""),
            head=self._fetch_head(branch, found.get(head)),
            branches=_below(start, found),
            tags=tags,
            unfetched=frozenset(tags.keys() - self._local_tags()),
        )

    def describe(self, ref: str, hash_: str | None = None) -> tuple[str, str]:
        hash_ = hash_ or self._remote.refs(ref).get(ref, ref)
        if self.repository.peel(hash_) is None:
            self._fetch("--no-tags", refspec=ref)
        out = self.repository.read("cat-file", "-p", hash_)
        headers, _, text = out.partition("\n\n")
        maker = re.search(r"^(?:author|tagger) (.*) <", headers, re.MULTILINE)
        return maker[1] if maker else "", text

    def _local_tags(self) -> set[str]:
        out = self.repository.read(
            "for-each-ref", "--format=%(refname)", _TAGS
        )
        return {ref.removeprefix(_TAGS) for ref in out.splitlines()}

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        said = self.repository.ask(
            "merge-base", "--is-ancestor", ancestor, descendant
        )
        return said is not None

    def has_parent(self, commit: str) -> bool:
        return self.repository.peel(f"{commit}~1") is not None

    def message(self, commit: str) -> str:
        # git knows of other encodings than UTF-8; GitPython's commits do not.
        return self.repository.read(
            "show", "-s", "--encoding=UTF-8", "--format=%B",
            f"{commit}^{{commit}}",
        )  # fmt: skip

    def files(self, commit: str, directory: str) -> dict[str, str]:
        paths = (
            f"{directory}/{name}"
            for name in self.repository.names(commit, directory)
            if name.endswith((".yaml", ".yml"))
        )
        return {path: self.file(commit, path) or "" for path in paths}

    def file(self, commit: str, path: str) -> str | None:
        data = self.repository.file(commit, path)
        return None if data is None else data.decode(errors="replace")

    def tag_date(self, tag: str) -> datetime:
        date = self.repository.date(f"refs/tags/{tag}")
        return datetime.fromtimestamp(date, tz=UTC)

    def tag_object(self, tag: str) -> str | None:
        return self.repository.resolve(f"refs/tags/{tag}")

    def commit_date(self, commit: str) -> datetime:
        date = self.repository.date(f"{commit}^{{commit}}")
        return datetime.fromtimestamp(date, tz=UTC)

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        out = self.repository.read(
            "log", "-z", f"--max-count={_MOST_COMMITS}", "--encoding=UTF-8",
            "--format=%H%n%P%n%an%n%B", until,
            *([f"^{since}"] if since else []), "--",
        )  # fmt: skip
        records = (r.split("\n", 3) for r in out.split("\0") if r)
        return tuple(
            Commit(
                hash=hash_,
                parents=len(parents.split()),
                author=author,
                message=message,
            )
            for hash_, parents, author, message in records
        )

    def fetch_tag(self, tag: str) -> None:
        ref = f"refs/tags/{tag}"
        if self.local_tag(tag) is None:
            self._fetch("--no-tags", refspec=f"{ref}:{ref}")

    def forget_tag(self, tag: str, commit: str) -> None:
        """Delete a tag in the clone that was never pushed.

        Parameters
        ----------
        tag
            The tag. It stays if it is elsewhere than at ``commit``.
        commit
            The commit that it was made for.
        """
        if self.local_tag(tag) == commit:
            self.repository.run("update-ref", "-d", f"refs/tags/{tag}")

    def push_tag(self, write: PushTag) -> str | None:
        ref = f"refs/tags/{write.tag}"
        if self.repository.run("check-ref-format", ref)[0]:
            raise RefusedError(f"{write.tag!r} is not a valid tag name")
        self._ensure_tag(write)
        mark = ""
        if self.repository.resolve(ref) == write.commit:
            mark = make_mark(self.repository, write.tag, write.commit)
        try:
            return self._remote.push(
                f"tag {write.tag}", ref, ref, claim=write.claim, mark=mark
            )
        except ReleaseError as e:
            if write.tag in self._made and not isinstance(e, UncertainError):
                self.forget_tag(write.tag, write.commit)
            raise

    def _ensure_tag(self, write: PushTag) -> None:
        """Make the tag in the clone, unless it is there."""
        commit = self.local_tag(write.tag)
        if commit == write.commit:
            return
        if commit is not None:
            raise RefusedError(
                f"tag {write.tag} is in this clone at {commit[:10]}"
            )
        options = {"auto": "-a", "always": "-s", "never": "--no-sign"}
        status, _, err = self.repository.run(
            "tag", "-a", options[self._sign], "--cleanup=verbatim",
            "-m", write.message, "--", write.tag, write.commit,
            env=self.repository.for_signing if self.signs() else {},
        )  # fmt: skip
        if (
            not status
            and self.signs()
            and not self.repository.is_signed(write.tag)
        ):
            # git 2.39 makes an unsigned tag where it cannot read an SSH key.
            self.forget_tag(write.tag, write.commit)
            status = 1
        if status:
            raise explain_failure(self.repository, f"tag {write.tag}", err)
        self._made.add(write.tag)

    def signs(self) -> bool:
        """Return whether tags are signed: as is set, or as git is."""
        return is_signing(self.repository, self._sign, "tag")

    def try_signing(self) -> bool:
        is_signed = self.signs() or is_signing(
            self.repository, self._sign, "commit"
        )
        if not self._has_signed:
            try_out(self.repository, signs=is_signed)
        self._has_signed = True
        return is_signed

    def try_push(self, tag: str, commit: str) -> bool:
        if self._remote.has_token:
            return False
        refspec = f"{commit}:refs/tags/{tag}"
        self._remote.try_push(f"tag {tag}", refspec, asks_hook=False)
        return True

    def try_hooks(
        self, tag: str, commit: str, first: Callable[[], PushBranch | None]
    ) -> None:
        ref = f"refs/tags/{tag}"
        self.repository.try_ref(ref, commit)
        if not self.repository.has_hook("pre-push"):
            return
        what, write, refspecs = f"tag {tag}", first(), []
        with open_trial(self.repository) as places:
            if write is not None:
                commit = make_commits(
                    self.repository, self._sign, write, env=places
                )
                what = f"branch {write.branch} and {what}"
                refspecs.append(f"{commit}:refs/heads/{write.branch}")
            refspecs.append(f"{commit}:{ref}")
            try:
                self._remote.try_push(
                    what, *refspecs, asks_hook=True, env=places
                )
            except RefusedError as e:
                raise BlockedError(e.message, help=e.help) from e

    def _prepare_identity(self) -> None:
        """Sign commits and tags as GitHub's robot, where nobody else is.

        A runner's git has no name and address of anybody.
        """
        environ = self.repository.environ
        if environ.get("GITHUB_ACTIONS") != "true":
            return
        for key, value in _ROBOT.items():
            if not self.repository.ask("config", f"user.{key}"):
                for role in ("AUTHOR", "COMMITTER"):
                    environ.setdefault(f"GIT_{role}_{key.upper()}", value)


def _below(start: str, refs: Mapping[str, str]) -> dict[str, str]:
    """Return the refs whose names begin so, by the rest of their names."""
    return {
        ref.removeprefix(start): hash_
        for ref, hash_ in refs.items()
        if ref.startswith(start)
    }


def _tags_of(refs: Mapping[str, str]) -> dict[str, str]:
    """Return what the tags among refs point to in the end."""
    found = _below(_TAGS, refs)
    return {
        tag: found.get(f"{tag}^{{}}", hash_)
        for tag, hash_ in found.items()
        if not tag.endswith("^{}")
    }

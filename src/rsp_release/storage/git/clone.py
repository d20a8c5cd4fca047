"""The user's clone and its remote, through GitPython.

Every command runs without a prompt, and with full refs. Credentials reach git
through its environment alone: not its arguments, which every user of the
machine can read, and not its configuration.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from ...engine.world import Clock
from ...exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
    UsageError,
)
from ...models import Commit, PushBranch, PushTag, RemoteTag
from ..redact import Redactor
from ..retry import ReadRetrier
from .branches import Branches

__all__ = ["GitClone", "Sign"]

Sign = Literal["auto", "always", "never"]
"""Whether tags are signed; ``auto``: as git's own settings say."""

_DENIED = re.compile(
    r"Authentication failed|could not read (?:Username|Password)"
    r"|Permission denied|returned error: 40[13]"
    r"|Write access to repository not granted|Repository not found",
    re.IGNORECASE,
)
_NOT_SENT = re.compile(
    r"Could not resolve|Failed to connect|Connection refused"
    r"|unable to access|Could not read from remote repository"
    r"|does not appear to be a git repository|Connection timed out",
    re.IGNORECASE,
)
_PORCELAIN = re.compile(r"^!\t.*?\t\[([^]]+)\](?: \((.*)\))?", re.MULTILINE)
_BROKEN = re.compile(
    r"RPC failed|hung up unexpectedly|unexpected disconnect"
    r"|early EOF|remote failure",
    re.IGNORECASE,
)


_ROBOT = {
    "name": "github-actions[bot]",
    "email": "41898282+github-actions[bot]@users.noreply.github.com",
}


class GitClone:
    """A clone and one of its remotes.

    Parameters
    ----------
    directory
        A directory in the clone's work tree.
    remote
        The name of the remote.
    environ
        The environment that git gets.
    server_url
        The web address of GitHub, whose remotes may be given the token.
    token
        A token for that server.
    sign
        Whether tags are signed.
    clock, random
        For the waits between attempts of a read.
    needs_remote
        Whether there has to be that remote.

    Raises
    ------
    UsageError
        Raised if there is no clone, or no such remote.
    """

    def __init__(
        self,
        *,
        directory: Path,
        remote: str,
        environ: Mapping[str, str],
        server_url: str,
        token: str | None,
        sign: Sign,
        clock: Clock,
        random: Random,
        needs_remote: bool = True,
    ) -> None:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        import git

        try:
            repo = git.Repo(directory, search_parent_directories=True)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as e:
            raise UsageError(
                f"{directory} is not in a git repository",
                help="run it in a clone, or name one with -C",
            ) from e
        self._git = repo.git
        self._root = Path(repo.working_tree_dir or repo.git_dir)
        git_dir = Path(repo.git_dir)
        self._journals = Path(repo.common_dir).resolve() / "rsp-release"
        repo.close()
        self._remote = remote
        self._sign = sign
        self._made: set[str] = set()
        self._environ = dict(environ)
        self._retrier = ReadRetrier(clock=clock, random=random)
        self._redact = Redactor([token or ""])
        self._url = self._find_url(needs_remote=needs_remote)
        self._target = self._prepare_credentials(server_url, token)
        self._prepare_identity()
        self.branches = Branches(
            run=self._run,
            explain=self._explain_push,
            target=self._target,
            sign=sign,
            git_dir=git_dir,
        )

    @property
    def remote(self) -> str:
        return self._remote

    @property
    def url(self) -> str:
        """The remote's URL, without any credentials in it."""
        return _split_userinfo(self._url)[0]

    @property
    def root(self) -> Path:
        """The top directory of the work tree."""
        return self._root

    @property
    def journals(self) -> Path:
        """The directory of the clone's journals."""
        return self._journals

    def head(self) -> str:
        status, out, _ = self._run("rev-parse", "--verify", "HEAD^{commit}")
        if status:
            raise UsageError(
                "the repository has no commit yet",
                help="commit something first",
            )
        return out.strip()

    def has_commit(self) -> bool:
        """Return whether there is a commit."""
        return self._peel("HEAD") is not None

    def branch(self) -> str | None:
        status, out, _ = self._run("symbolic-ref", "--quiet", "HEAD")
        return out.strip().removeprefix("refs/heads/") if not status else None

    def is_shallow(self) -> bool:
        out = self._read("rev-parse", "--is-shallow-repository")
        return out.strip() == "true"

    def uncommitted(self) -> tuple[str, ...]:
        out = self._read(
            "-c",
            "core.fsmonitor=false",
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=no",
            "--no-renames",
        )
        return tuple(entry[3:] for entry in out.split("\0") if entry)

    def local_tag(self, tag: str) -> str | None:
        return self._peel(f"refs/tags/{tag}")

    def remote_tag(self, tag: str) -> RemoteTag | None:
        ref = f"refs/tags/{tag}"
        refs = self._list_remote(ref, f"{ref}^{{}}")
        if ref not in refs:
            return None
        peeled = refs.get(f"{ref}^{{}}")
        return RemoteTag(
            name=tag,
            commit=peeled or refs[ref],
            is_annotated=peeled is not None,
        )

    def remote_branch(self, branch: str) -> str | None:
        ref = f"refs/heads/{branch}"
        head = self._list_remote(ref).get(ref)
        if head is not None and self._peel(head) is None:
            tracking = f"refs/remotes/{self._remote}/{branch}"
            self._read_remote(
                "fetch", "--quiet", "--no-tags", self._target,
                f"+{ref}:{tracking}",
            )  # fmt: skip
        return head

    def default_branch(self, *, asks: bool = True) -> str | None:
        """Return the remote's default branch, as the clone or it knows.

        Parameters
        ----------
        asks
            Whether the remote may be asked where the clone does not know.
        """
        status, out, _ = self._run(
            "symbolic-ref", "--quiet", f"refs/remotes/{self._remote}/HEAD"
        )
        if not status:
            return out.strip().removeprefix(f"refs/remotes/{self._remote}/")
        if not asks:
            return None
        out = self._read_remote("ls-remote", "--symref", self._target, "HEAD")
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
        self._read_remote("fetch", "--quiet", "--tags", *how, self._target)

    def remote_branches(self, prefix: str) -> dict[str, str]:
        start = "refs/heads/"
        found = self._list_remote(f"{start}{prefix}*")
        return {ref.removeprefix(start): sha for ref, sha in found.items()}

    def push_branch(self, write: PushBranch) -> None:
        self.branches.push(write)

    def unfetched_tags(self) -> tuple[str, ...]:
        out = self._read("for-each-ref", "--format=%(refname)", "refs/tags")
        local = set(out.split("\n"))
        remote = self._list_remote("refs/tags/*")
        return tuple(
            ref.removeprefix("refs/tags/")
            for ref in remote
            if not ref.endswith("^{}") and ref not in local
        )

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        status, _, err = self._run(
            "merge-base", "--is-ancestor", ancestor, descendant
        )
        if status not in (0, 1):
            raise ReadError(f"git cannot compare two commits: {err.strip()}")
        return status == 0

    def has_parent(self, commit: str) -> bool:
        return self._peel(f"{commit}~1") is not None

    def message(self, commit: str) -> str:
        return self._read("show", "-s", "--format=%B", f"{commit}^{{commit}}")

    def files(self, commit: str, directory: str) -> dict[str, str]:
        out = self._read(
            "ls-tree", "-z", "--name-only", commit, "--", f"{directory}/"
        )
        return {
            path: self._read("cat-file", "blob", f"{commit}:{path}")
            for path in out.split("\0")
            if path.endswith((".yaml", ".yml"))
        }

    def file(self, commit: str, path: str) -> str | None:
        name = f"{commit}:{path}"
        status, out, _ = self._run("rev-parse", "--verify", "--quiet", name)
        if status:
            return None
        kind = self._read("cat-file", "-t", out.strip()).strip()
        if kind != "blob":
            return None
        return self._read("cat-file", "blob", out.strip())

    def tag_date(self, tag: str) -> datetime:
        ref = f"refs/tags/{tag}"
        out = self._read(
            "for-each-ref", "--format=%(creatordate:iso-strict)", ref
        )
        return datetime.fromisoformat(out.strip()).astimezone(UTC)

    def commit_date(self, commit: str) -> datetime:
        out = self._read("show", "--no-patch", "--format=%cI", commit, "--")
        return datetime.fromisoformat(out.strip()).astimezone(UTC)

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        out = self._read(
            "log", "-z", "--max-count=1000", "--encoding=UTF-8",
            "--format=%H%n%P%n%an%n%B", until,
            *([f"^{since}"] if since else []), "--",
        )  # fmt: skip
        found = []
        for record in filter(None, out.split("\0")):
            hash_, parents, author, message = record.split("\n", 3)
            found.append(
                Commit(
                    hash=hash_,
                    parents=len(parents.split()),
                    author=author,
                    message=message,
                )
            )
        return tuple(found)

    def fetch_tag(self, tag: str) -> None:
        ref = f"refs/tags/{tag}"
        if self._peel(ref) is None:
            self._read_remote(
                "fetch", "--quiet", "--no-tags", self._target, f"{ref}:{ref}"
            )

    def forget_tag(self, tag: str, commit: str) -> None:
        """Delete a tag in the clone that was never pushed.

        Parameters
        ----------
        tag
            The tag. It stays if it is elsewhere than at ``commit``.
        commit
            The commit that it was made for.
        """
        ref = f"refs/tags/{tag}"
        if self._peel(ref) == commit:
            self._run("update-ref", "-d", ref)

    def push_tag(self, write: PushTag) -> None:
        ref = f"refs/tags/{write.tag}"
        if self._run("check-ref-format", ref)[0]:
            raise RefusedError(f"{write.tag!r} is not a valid tag name")
        self._ensure_tag(ref, write)
        status, out, err = self._run(
            "push", "--porcelain", "--atomic", "--no-follow-tags",
            "--recurse-submodules=no", self._target, f"{ref}:{ref}",
        )  # fmt: skip
        if status == 0:
            return
        error = self._explain_push(f"tag {write.tag}", out, err)
        if write.tag in self._made and not isinstance(error, UncertainError):
            self.forget_tag(write.tag, write.commit)
        raise error

    def _ensure_tag(self, ref: str, write: PushTag) -> None:
        """Make the tag in the clone, unless it is there."""
        commit = self._peel(ref)
        if commit == write.commit:
            return
        if commit is not None:
            raise RefusedError(
                f"tag {write.tag} is in this clone at {commit[:10]}"
            )
        options = {"auto": ["-a"], "always": ["-s"], "never": ["--no-sign"]}
        status, _, err = self._run(
            "tag", "-a", *options[self._sign], "--cleanup=verbatim",
            "-m", write.message, "--", write.tag, write.commit,
        )  # fmt: skip
        if not status and self.signs() and not self._is_signed(ref):
            # git 2.39 makes an unsigned tag where it cannot read an SSH key.
            self.forget_tag(write.tag, write.commit)
            status = 1
        if status:
            raise RefusedError(
                f"git cannot make tag {write.tag}: {_last_lines(err)}",
                help=(
                    "see `git config user.name`, `user.email` and, where"
                    " tags are signed, `user.signingKey`"
                ),
            )
        self._made.add(write.tag)

    def signs(self) -> bool:
        """Return whether tags are signed: as is set, or as git is."""
        if self._sign == "auto":
            _, out, _ = self._run("config", "--type=bool", "tag.gpgSign")
            return out.strip() == "true"
        return self._sign == "always"

    def _is_signed(self, ref: str) -> bool:
        return "\n-----BEGIN " in self._read("cat-file", "tag", ref)

    def _explain_push(self, what: str, out: str, err: str) -> ReleaseError:
        """Tell what is known of a push that failed."""
        text = f"{out}\n{err}"
        said = "\n".join(
            line.removeprefix("remote:").strip()
            for line in err.splitlines()
            if line.startswith("remote:") and line[7:].strip()
        )
        match = _PORCELAIN.search(out)
        if match and match[1] in ("rejected", "remote rejected"):
            # "stale info": the branch is not where it has to be.
            why = match[2] or ""
            is_duplicate = "already exists" in why or "stale info" in why
            reason = said or match[2] or match[1]
            return RefusedError(
                f"{self._remote} rejected {what}: {reason}",
                help=_advise(what, said, is_duplicate=is_duplicate),
                is_duplicate=is_duplicate,
            )
        if _BROKEN.search(text):
            return UncertainError(
                f"the connection broke while {what} was pushed"
            )
        if _DENIED.search(err):
            return NotAllowedError(
                f"not allowed to push to {self.url}: {_last_lines(err)}",
                help="use credentials with the permission Contents: write",
            )
        if _NOT_SENT.search(err):
            return NotSentError(
                f"{self._remote} cannot be reached: {_last_lines(err)}"
            )
        if "failed to push some refs" in err:
            return RefusedError(
                f"a hook refused to push {what}: {_last_lines(err)}",
                help="see the pre-push hook of this clone",
            )
        return UncertainError(f"pushing {what} failed: {_last_lines(err)}")

    def _list_remote(self, *patterns: str) -> dict[str, str]:
        out = self._read_remote("ls-remote", self._target, *patterns)
        lines = (line.split("\t", 1) for line in out.splitlines())
        return {ref: sha for sha, ref in lines}

    def _peel(self, revision: str) -> str | None:
        status, out, _ = self._run(
            "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"
        )
        return out.strip() if not status else None

    def _read_remote(self, *args: str) -> str:
        def attempt() -> str:
            status, out, err = self._run(*args)
            if not status:
                return out
            if _DENIED.search(err):
                raise NotAllowedError(
                    f"not allowed to read {self.url}: {_last_lines(err)}",
                    help="see `git fetch`, or set GITHUB_TOKEN",
                )
            raise ReadError(
                f"{self._remote} does not answer: {_last_lines(err)}",
                help=f"see `git ls-remote {self._remote}`",
            )

        return self._retrier.read(attempt)

    def _read(self, *args: str) -> str:
        status, out, err = self._run(*args)
        if status:
            raise ReadError(f"git {args[0]} failed: {_last_lines(err)}")
        return out

    def _run(
        self, *args: str, env: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        status, out, err = self._git.execute(
            ["git", *args],
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            env={**self._environ, **(env or {})},
        )
        return (
            status,
            _as_text(out),
            self._redact(_as_text(err)),
        )

    def _find_url(self, *, needs_remote: bool) -> str:
        status, out, _ = self._run("remote", "get-url", "--push", self._remote)
        if status and not needs_remote:
            return ""
        if status:
            raise UsageError(
                f"there is no remote {self._remote}",
                help="name one with --remote; `git remote` lists them",
            )
        return out.strip()

    def _prepare_identity(self) -> None:
        """Sign commits and tags as GitHub's robot, where nobody else is.

        A runner's git has no name and address of anybody.
        """
        if self._environ.get("GITHUB_ACTIONS") != "true":
            return
        for key, value in _ROBOT.items():
            if not self._run("config", f"user.{key}")[1].strip():
                for role in ("AUTHOR", "COMMITTER"):
                    name = f"GIT_{role}_{key.upper()}"
                    self._environ.setdefault(name, value)

    def _prepare_credentials(self, server_url: str, token: str | None) -> str:
        """Put credentials into git's environment; return what to push to."""
        self._environ |= {
            "GIT_TERMINAL_PROMPT": "0",
            "GCM_INTERACTIVE": "never",
            "LC_ALL": "C",
        }
        url, userinfo = _split_userinfo(self._url)
        target = self._remote
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return target
        if userinfo:
            # git would pass the URL, with what is in it, as an argument.
            target = url
        elif token and parts.netloc == urlsplit(server_url).netloc:
            userinfo = f"x-access-token:{token}"
        if not userinfo:
            return target
        user, _, password = userinfo.partition(":")
        user, password = unquote(user), unquote(password)
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._redact = Redactor([token or "", password or user, encoded])
        key = f"credential.{parts.scheme}://{parts.netloc}.helper"
        count = int(self._environ.get("GIT_CONFIG_COUNT") or 0)
        helper = (
            '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n"'
            ' "$RSP_RELEASE_GIT_USER" "$RSP_RELEASE_GIT_PASSWORD"; }; f'
        )
        settings = [
            # An empty helper drops the user's own: they would be told to
            # keep it.
            (key, ""),
            (key, helper),
            # actions/checkout leaves the job's own token here, which would
            # be sent without asking, and what that pushes starts no workflow.
            (f"http.{parts.scheme}://{parts.netloc}/.extraheader", ""),
        ]
        for name, value in settings:
            self._environ[f"GIT_CONFIG_KEY_{count}"] = name
            self._environ[f"GIT_CONFIG_VALUE_{count}"] = value
            count += 1
        self._environ["GIT_CONFIG_COUNT"] = str(count)
        self._environ["RSP_RELEASE_GIT_USER"] = user
        self._environ["RSP_RELEASE_GIT_PASSWORD"] = password
        return target


def _split_userinfo(url: str) -> tuple[str, str]:
    """Return a URL without its userinfo, and the userinfo."""
    if "://" not in url:
        return url, ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url, ""
    userinfo, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=host)), userinfo


def _as_text(output: str | bytes) -> str:
    # GitPython promises text on one stream and bytes on the other.
    return (
        output if isinstance(output, str) else output.decode(errors="replace")
    )


def _last_lines(text: str, count: int = 3) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-count:]) or "no reason given"


def _advise(what: str, said: str, *, is_duplicate: bool) -> str:
    is_branch = what.startswith("branch ")
    if is_duplicate:
        if is_branch:
            return "it was pushed to meanwhile: `rsp-release bump` looks again"
        return "somebody else pushed it: release another version"
    if is_branch and ("GH006" in said or "GH013" in said):
        return (
            "the branch takes pull requests: set `pull-request.when` to"
            ' "always"'
        )
    if "GH013" in said:
        return (
            "a ruleset of the repository forbids this tag: ask an"
            " administrator, or look at Settings, Rules"
        )
    return "ask whoever keeps the remote's rules and hooks"

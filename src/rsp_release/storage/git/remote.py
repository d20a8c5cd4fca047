"""A remote of a clone: reads from it, and pushes to it.

Credentials reach git through its environment alone: not its arguments, which
every user of the machine can read, and not its configuration.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from threading import Thread
from types import MappingProxyType
from urllib.parse import unquote, urlsplit, urlunsplit

from ...engine.look import Look, changing
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
from ...models.naming import CHANGELOG_BRANCHES, CLAIM
from ..redact import Redactor
from ..retry import ReadRetrier
from .history_git import with_settings
from .listing import list_for_push, peel_tags, pushes_elsewhere
from .refusals import (
    BROKEN,
    DENIED,
    MOVED,
    NOT_SENT,
    REJECTED,
    WITH_ANOTHER,
    advise,
    find_remedy,
)
from .repository import Repository, last_lines

__all__ = ["Remote"]

_NOTHING: Mapping[str, str] = MappingProxyType({})

_KEPT = re.compile(rf"refs/(?:heads|tags)/|{CLAIM}$")
"""The refs that one look at the remote keeps."""

_BEGUN = re.compile(rf"refs/(?:heads/{CHANGELOG_BRANCHES}|tags/)")
"""The refs that show what is being released."""

_PATTERNS = ("refs/heads/*", "refs/tags/*", CLAIM)
"""The same, for git."""

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n"'
    ' "$RSP_RELEASE_GIT_USER" "$RSP_RELEASE_GIT_PASSWORD"; }; f'
)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a remote listed."""

    refs: Mapping[str, str]
    """The hashes by ref."""

    may_push: bool = False
    """Whether it was as a push is told of them."""

    denial: ReleaseError | None = None
    """Why it was not, if that was denied."""


class Remote:
    """One remote of a clone.

    Parameters
    ----------
    repository
        The clone.
    name
        The name of the remote.
    server_url
        The web address of GitHub, whose remotes may be given the token.
    token
        A token for that server.
    clock, random
        For the waits between attempts of a read.
    is_needed
        Whether there has to be that remote.
    look
        The look that its refs are part of, and that pushes end.

    Raises
    ------
    UsageError
        Raised if there is no such remote.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        name: str,
        server_url: str,
        token: str | None,
        clock: Clock,
        random: Random,
        is_needed: bool = True,
        look: Look | None = None,
    ) -> None:
        self.name = name
        self._look = look
        self._repository = repository
        self._retrier = ReadRetrier(clock=clock, random=random)
        self._takes_claims = True
        self._is_denied = False
        """Whether the list that a push begins with was denied."""
        self._begun: dict[str, str] | None = None
        """What others had begun, as it was last told."""
        self._is_split: bool | None = None
        """Whether it is pushed to elsewhere, once that was found out."""
        # GitPython's remotes leave out insteadOf and pushInsteadOf.
        status, out, err = repository.run("remote", "get-url", "--push", name)
        if status and "No such remote" not in err:
            raise ReadError(f"git remote failed: {last_lines(err)}")
        if status and is_needed:
            raise UsageError(
                f"there is no remote {name}",
                help="name one with --remote; `git remote` lists them",
            )
        url = "" if status else out.strip()
        self.url, userinfo = _split_userinfo(url)
        """The URL, without any credentials in it."""
        # git would pass a URL, with what is in it, as an argument.
        self.target = self.url if userinfo else name
        """What a command names the remote by."""
        parts = urlsplit(self.url if "://" in self.url else "")
        is_http = parts.scheme in ("http", "https")
        self.has_token = False
        """Whether git has the token, and nothing else, to log in with."""
        if is_http and token and parts.netloc == urlsplit(server_url).netloc:
            self.has_token = not userinfo
            userinfo = userinfo or f"x-access-token:{token}"
        secrets = [token or ""]
        if userinfo:
            user, _, password = map(unquote, userinfo.partition(":"))
            encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
            secrets += [password or user, encoded]
            helper = f"credential.{parts.scheme}://{parts.netloc}.helper"
            settings = (
                # An empty helper drops the user's own: they would be told to
                # keep it.
                (helper, ""),
                (helper, _HELPER),
                # actions/checkout leaves the job's own token here, which
                # would be sent without asking, and what that pushes starts
                # no workflow.
                (f"http.{parts.scheme}://{parts.netloc}/.extraheader", ""),
            )
            name = "GIT_CONFIG_COUNT"
            count = {name: repository.environ.get(name, "")}
            repository.log_in(
                {
                    **with_settings(count, settings),
                    "RSP_RELEASE_GIT_USER": user,
                    "RSP_RELEASE_GIT_PASSWORD": password,
                }
            )
        repository.redact = Redactor(secrets)

    def read(self, *args: str) -> str:
        """Run a command that reads from the remote.

        Parameters
        ----------
        *args
            The command and its arguments, `target` among them.

        Raises
        ------
        NotAllowedError
            Raised if the remote does not let us read.
        ReadError
            Raised if it does not answer.
        """

        def attempt() -> str:
            status, out, err = self._run(*args)
            if not status:
                return out
            said = last_lines(err)
            if DENIED.search(err):
                raise NotAllowedError(
                    f"not allowed to read {self.url}: {said}",
                    help=find_remedy(err)
                    or "see `git fetch`, or set GITHUB_TOKEN",
                )
            raise ReadError(
                f"{self.name} does not answer: {said}",
                help=find_remedy(err) or f"see `git ls-remote {self.name}`",
            )

        return self._retrier.read(attempt)

    def _run(
        self, *args: str, env: Mapping[str, str] = _NOTHING
    ) -> tuple[int, str, str]:
        """Run a command that may have credentials."""
        credentials = self._repository.credentials
        return self._repository.run(*args, env={**credentials, **env})

    def refs(self, *patterns: str) -> dict[str, str]:
        """Return the remote's refs, each with its hash."""
        if self._look is None or not all(map(_KEPT.match, patterns)):
            return self._list(*patterns)
        told = self._look.recall(self._pushed) or {}
        if told.keys() >= set(patterns):
            return {ref: told[ref] for ref in patterns}
        return {
            ref: sha
            for ref, sha in self._see(self._look).refs.items()
            if any(_matches(ref, pattern) for pattern in patterns)
        }

    def is_known(self, ref: str) -> bool:
        """Return whether this look need not ask the remote for a ref."""
        if self._look is None:
            return False
        told = self._look.recall(self._pushed) or {}
        return ref in told or self._look.recall(self._listed) is not None

    @property
    def _listed(self) -> tuple[str, str]:
        """What the remote's refs are asked by in a look."""
        return "ls-remote", self.target

    @property
    def _pushed(self) -> tuple[str, str]:
        """What a push tells the next look by."""
        return "push", self.target

    def _see(self, look: Look) -> _Listed:
        """List what one wants to know now, and another next, once a look."""
        seen = look.once(
            self._listed,
            self._list_all,
            # Without the claim, a push is compared with its own ref alone.
            is_compared=self._takes_claims,
        )
        self._begun = {
            ref: sha for ref, sha in seen.refs.items() if _BEGUN.match(ref)
        }
        return seen

    def list_early(self) -> None:
        """Begin to list what the next look wants, and wait for nothing."""
        look = self._look
        if look is None or look.width == 1:
            return

        def see() -> None:
            # Whoever wants it is told why it fails.
            with suppress(ReleaseError):
                self._see(look)

        Thread(target=see, name="list").start()

    def _list_all(self) -> _Listed:
        """List all that a look keeps, and find out whether we may push."""
        if self.has_token or self._is_denied:
            return _Listed(self._list(*_PATTERNS))
        if self._is_split is None:
            self._is_split = pushes_elsewhere(self._repository, self.name)
        if self._is_split:
            return _Listed(self._list(*_PATTERNS))
        listed, said = list_for_push(
            self._repository,
            name=self.name,
            url=self.url,
            target=self.target,
            env=self._repository.credentials,
        )
        if listed is None:
            self._is_denied = bool(DENIED.search(said))
            return _Listed(
                self._list(*_PATTERNS),
                denial=self._explain("", "", "", said)
                if self._is_denied
                else None,
            )
        kept = {ref: sha for ref, sha in listed.items() if _KEPT.match(ref)}
        found = peel_tags(self._repository, kept)
        if found is None:
            found = self._list(*_PATTERNS)
        return _Listed(found, may_push=True)

    def _list(self, *patterns: str) -> dict[str, str]:
        out = self.read("ls-remote", self.target, *patterns)
        pairs = (line.partition("\t") for line in out.splitlines())
        return {ref: sha for sha, _, ref in pairs}

    def push(
        self,
        what: str,
        source: str,
        ref: str,
        *options: str,
        claim: str,
        mark: str = "",
    ) -> str | None:
        """Push one ref, and move the claim with it.

        Parameters
        ----------
        what
            What it is, for messages.
        source, ref
            What is pushed where.
        *options
            More options.
        claim
            What the claim has to be; empty: it is not there.
        mark
            Where the claim is put, if not where the ref is. git compares
            nothing that is there already, so no other version may put it
            there.

        Returns
        -------
        str or None
            What a person should know of it: the remote took the ref alone.

        Raises
        ------
        WriteError
            Raised if it failed, with what is known of it.
        """
        refspec, lease = f"{source}:{ref}", f"--force-with-lease={CLAIM}:"
        mark, begun = mark or source, self._begun
        if self._takes_claims:
            failure = self._push(
                what, ref, *options, f"{lease}{claim}",
                refspecs=(refspec, f"{mark}:{CLAIM}"),
            )  # fmt: skip
            if failure is None:
                self._tell({ref: source, CLAIM: mark})
                return None
            if not self._refuses_claims(failure, claim):
                raise failure
            if begun != self._begun:
                # Nothing compares it, so it is decided from what is there.
                raise NotSentError(
                    f"others pushed to {self.name} while it refused {CLAIM}"
                )
        failure = self._push(what, ref, *options, refspecs=(refspec,))
        if failure is not None:
            raise failure
        self._tell({ref: source})
        if not self._takes_claims:
            return None
        self._takes_claims = False
        return (
            f"{self.name}, or a hook, does not accept {CLAIM}: cannot tell"
            " whether somebody else releases another version at the same"
            " moment"
        )

    def try_push(
        self,
        what: str,
        *refspecs: str,
        asks_hook: bool,
        env: Mapping[str, str] = _NOTHING,
    ) -> None:
        """Push nothing, but let remote and hook say whether they refuse it.

        git asks the remote to be written to, and tells the user's hook what
        would be pushed. What the remote has already, others tell. Without a
        hook, the list of refs that one look keeps tells it as well.

        Parameters
        ----------
        what
            What it is, for messages.
        *refspecs
            What would be pushed where.
        asks_hook
            Whether the hook is asked too.
        env
            Variables for git.

        Raises
        ------
        WriteError
            Raised if it would fail, with what is known of it.
        """
        denial: ReleaseError | None = None
        if self._look is not None and not asks_hook:
            # Where that fails, so does what follows, which says why.
            with suppress(ReleaseError):
                seen = self._see(self._look)
                denial = seen.denial
                if seen.may_push:
                    return
            if denial is not None:
                raise denial
        options = ["--dry-run", *([] if asks_hook else ["--no-verify"])]
        status, out, err = self._run_push(options, refspecs, env=env)
        if status and not REJECTED.search(out):
            raise self._explain(what, "", out, err)

    def _push(
        self, what: str, ref: str, *options: str, refspecs: tuple[str, ...]
    ) -> ReleaseError | None:
        """Push all or nothing; return what is known of it if it failed."""
        status, out, err = self._run_push(options, refspecs)
        return self._explain(what, ref, out, err) if status else None

    def _run_push(
        self,
        options: Sequence[str],
        refspecs: Iterable[str],
        env: Mapping[str, str] = _NOTHING,
    ) -> tuple[int, str, str]:
        with changing(None if "--dry-run" in options else self._look):
            return self._run(
                "push", "--porcelain", "--atomic", "--no-follow-tags",
                "--recurse-submodules=no", *options, self.target, *refspecs,
                env=env,
            )  # fmt: skip

    def _tell(self, refs: Mapping[str, str]) -> None:
        """Tell the next look where the remote has just put some refs."""
        if self._look is not None:
            resolve = self._repository.resolve
            told = {ref: resolve(source) for ref, source in refs.items()}
            told |= {
                f"{ref}^{{}}": resolve(f"{source}^{{commit}}")
                for ref, source in refs.items()
            }
            self._look.tell(self._pushed, told)

    def _refuses_claims(self, failure: ReleaseError, claim: str) -> bool:
        """Return whether it may be for the claim that a push was refused."""
        if not isinstance(failure, _RejectedError) or failure.is_duplicate:
            return False
        try:
            return self.refs(CLAIM).get(CLAIM, "") == claim
        except ReleaseError:
            return False

    def _explain(
        self, what: str, ref: str, out: str, err: str
    ) -> ReleaseError:
        """Tell what is known of a push that failed."""
        said = "\n".join(
            line.removeprefix("remote:").strip()
            for line in err.splitlines()
            if line.startswith("remote:") and line[7:].strip()
        )
        rejected = {m[1]: m[2] or "" for m in REJECTED.finditer(out)}
        if rejected:
            return self._explain_rejection(what, ref, rejected, said)
        last = last_lines(err)
        if BROKEN.search(f"{out}\n{err}"):
            return UncertainError(f"the connection broke while pushing {what}")
        if DENIED.search(err):
            # Over SSH, git adds three lines to what the server said.
            said = next(filter(DENIED.search, err.splitlines()), last)
            return NotAllowedError(
                f"not allowed to push to {self.url}: {said.strip()}",
                help=find_remedy(err)
                or "use credentials with the permission Contents: write",
            )
        if NOT_SENT.search(err):
            return NotSentError(
                f"{self.name} cannot be reached: {last}",
                help=find_remedy(err),
            )
        if "failed to push some refs" in err:
            return _RejectedError(
                f"a hook refused to push {what}: {last}",
                help="see the pre-push hook of this clone",
            )
        return UncertainError(f"pushing {what} failed: {last}")

    def _explain_rejection(
        self, what: str, ref: str, rejected: dict[str, str], said: str
    ) -> ReleaseError:
        """Tell why the remote took nothing."""
        why, claim = rejected.get(ref, ""), rejected.get(CLAIM, "")
        if MOVED.search(claim) and not MOVED.search(why):
            return RefusedError(
                f"somebody pushed another release to {self.name} meanwhile",
                help="run `rsp-release bump` again",
                is_duplicate=True,
            )
        is_duplicate = bool(MOVED.search(why))
        is_own = CLAIM not in rejected or bool(WITH_ANOTHER.search(claim))
        error = RefusedError if is_own else _RejectedError
        return error(
            f"{self.name} rejected {what}: {said or why or 'rejected'}",
            help=advise(what, said, is_duplicate=is_duplicate),
            is_duplicate=is_duplicate,
        )


class _RejectedError(RefusedError):
    """A ref and the claim were rejected, for whichever of them."""


def _split_userinfo(url: str) -> tuple[str, str]:
    """Return a URL without its userinfo, and the userinfo."""
    parts = urlsplit(url if "://" in url else "")
    if parts.scheme not in ("http", "https"):
        return url, ""
    userinfo, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=host)), userinfo


def _matches(ref: str, pattern: str) -> bool:
    """Return whether a ref is one that was asked for."""
    if pattern.endswith("*"):
        return ref.startswith(pattern[:-1])
    return ref == pattern

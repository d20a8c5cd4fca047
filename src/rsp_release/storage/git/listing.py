"""Lists a remote's refs as a push does, and pushes nothing.

A push begins with the remote's list of refs, which it gives to those alone who
may push. So one connection tells both. It is what ``git push --dry-run`` does,
which keeps the list to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .repository import Repository, text_file

__all__ = ["list_for_push", "peel_tags", "pushes_elsewhere"]

_TAGS = "refs/tags/"

_BY_HELPER = frozenset({"http", "https"})
"""What git speaks by another program, whose commands are documented.

https://git-scm.com/docs/gitremote-helpers
"""

_BY_PROGRAM = frozenset({"", "file", "ssh", "git+ssh", "ssh+git"})
"""What git starts a program of the remote for, which can be named."""


def list_for_push(
    repository: Repository,
    *,
    name: str,
    url: str,
    target: str,
    env: Mapping[str, str],
) -> tuple[dict[str, str] | None, str]:
    """List the refs that a push would be told of.

    Parameters
    ----------
    repository
        The clone.
    name, url, target
        The remote: its name, its URL without credentials, and what a command
        names it by.
    env
        Variables for git.

    Returns
    -------
    tuple
        The hashes by ref, none of them peeled; `None` where the remote gave
        no list. And what git said.
    """
    scheme = urlsplit(url).scheme if "://" in url else ""
    program = repository.ask("config", f"remote.{name}.receivepack")
    if "::" in url or scheme not in _BY_HELPER | _BY_PROGRAM:
        return None, ""
    if scheme in _BY_PROGRAM:
        status, out, err = repository.run(
            "-c", "protocol.version=0", "ls-remote",
            f"--upload-pack={program or 'git-receive-pack'}", target, env=env,
        )  # fmt: skip
    else:
        with text_file("list for-push\n\n") as file:
            status, out, err = repository.run(
                f"remote-{scheme}", name, url, env=env, stdin=file
            )
    if status:
        return None, err
    pairs = (line.split() for line in out.splitlines())
    # More than two words have attributes; "@" begins a symbolic ref.
    return {
        pair[1]: pair[0]
        for pair in pairs
        if len(pair) > 1 and not pair[0].startswith(("@", "?", ":"))
    }, err


def pushes_elsewhere(repository: Repository, name: str) -> bool:
    """Return whether a remote is pushed to elsewhere than it is read from.

    That is so for ``pushurl`` and ``pushInsteadOf``, or where it has several
    URLs: then what is listed says nothing of a push.

    Parameters
    ----------
    repository
        The clone.
    name
        The name of the remote.
    """
    reads, writes = (
        repository.ask("remote", "get-url", "--all", *which, name)
        for which in ((), ("--push",))
    )
    return reads != writes or len((reads or "").splitlines()) != 1


def peel_tags(
    repository: Repository, refs: Mapping[str, str]
) -> dict[str, str] | None:
    """Add what the tags among some refs point to, as ``ls-remote`` does.

    Parameters
    ----------
    repository
        The clone.
    refs
        The hashes by ref.

    Returns
    -------
    dict or None
        The same, with ``refs/tags/X^{}`` where ``X`` is an object of its own;
        `None` where the clone lacks one, so that the remote has to be asked.
    """
    out = repository.read("for-each-ref", "--format=%(objectname)", _TAGS)
    known, found = set(out.split()), dict(refs)
    for ref, hash_ in refs.items():
        if not ref.startswith(_TAGS):
            continue
        peeled = None
        if hash_ in known:
            peeled = repository.resolve(f"{hash_}^{{}}")
        if peeled is None:
            return None
        if peeled != hash_:
            found[f"{ref}^{{}}"] = peeled
    return found

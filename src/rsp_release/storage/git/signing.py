"""Signing, tried before it is needed, and why it does not work.

What is made for the trial goes to a folder of its own: the clone gets no
object and no ref of it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ...exceptions import RefusedError
from .repository import Repository, last_lines, text_file

__all__ = [
    "explain_failure",
    "make_commit",
    "make_mark",
    "open_trial",
    "try_out",
]

_CAUSES = (
    (
        re.compile(r"aborted by hook"),
        "the hook reference-transaction refused",
        "see that hook of this clone",
    ),
    (
        re.compile(
            r"tell me who you are|empty ident|no (?:email|name) was given",
            re.IGNORECASE,
        ),
        "git does not know who you are",
        "set `git config user.name` and `user.email`",
    ),
    (
        re.compile(
            r"No secret key|Couldn't load public key|no private key"
            r"|INV_SGNR|No such file|needs to be configured",
            re.IGNORECASE,
        ),
        "there is no such key here",
        "see `git config user.signingKey`, or set `sign = false`",
    ),
    (
        re.compile(
            r"Inappropriate ioctl|pinentry|Enter passphrase|/dev/tty"
            r"|incorrect passphrase|cancelled|Timeout|agent refused",
            re.IGNORECASE,
        ),
        "there is no terminal for the key's passphrase",
        (
            "unlock the key first, in gpg-agent or ssh-agent; at a terminal:"
            " export GPG_TTY=$(tty)"
        ),
    ),
)
"""What git and its helpers say, what that means, and what to do."""


def explain_failure(
    repository: Repository, what: str, said: str
) -> RefusedError:
    """Say why something was not made, and what to do.

    Parameters
    ----------
    repository
        The clone.
    what
        What was to be made.
    said
        What git said.
    """
    if "gpg failed to sign" in said:
        said += _ask_gpg(repository)
    lines = last_lines(said)
    for pattern, cause, help in _CAUSES:
        if pattern.search(said):
            return RefusedError(
                f"git cannot create {what}: {cause}: {lines}", help=help
            )
    return RefusedError(
        f"git cannot create {what}: {lines}",
        help="see `git config user.signingKey` and `gpg.format`",
    )


def _ask_gpg(repository: Repository) -> str:
    """Let gpg say itself why it does not sign: git keeps that to itself."""
    import subprocess

    program = repository.ask("config", "gpg.program") or "gpg"
    key = repository.ask("config", "user.signingKey")
    try:
        done = subprocess.run(
            [program, "--status-fd=2", "-bsa", *(["-u", key] if key else [])],
            input=b"rsp-release\n",
            env=repository.environ,
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"\n{e}"
    text = done.stderr.decode(errors="replace")
    lines = (li for li in text.splitlines() if li.startswith("gpg: "))
    return "\n" + "\n".join(lines)


def make_commit(
    repository: Repository,
    what: str,
    *args: str,
    signs: bool,
    env: Mapping[str, str],
) -> tuple[str, str]:
    """Make a commit, as an object alone.

    Parameters
    ----------
    repository
        The clone.
    what
        What it is, for messages.
    *args
        What ``git commit-tree`` is given.
    signs
        Whether it is signed: ``commit-tree`` asks nobody.
    env
        Variables for git.

    Returns
    -------
    tuple of str
        Its hash, and what git said.

    Raises
    ------
    RefusedError
        Raised if it cannot be made, with the cause.
    """
    keys = repository.for_signing if signs else {}
    status, out, err = repository.run(
        "commit-tree", "-S" if signs else "--no-gpg-sign", *args,
        env={**keys, **env},
    )  # fmt: skip
    if status:
        raise explain_failure(repository, what, err)
    return out.strip(), err


def make_mark(repository: Repository, tag: str, commit: str) -> str:
    """Make an object that tells a lightweight tag from others of its commit.

    Parameters
    ----------
    repository
        The clone.
    tag, commit
        The tag, and where it is.

    Returns
    -------
    str
        Its hash. No ref leads to it.
    """
    text = (
        f"object {commit}\ntype commit\ntag {tag}\n"
        f"tagger rsp-release <rsp-release> 0 +0000\n\n{tag}\n"
    )
    with text_file(text) as file:
        return repository.read("mktag", stdin=file).strip()


@contextmanager
def open_trial(repository: Repository) -> Iterator[Mapping[str, str]]:
    """Give variables with which git keeps what it makes elsewhere, for now.

    Parameters
    ----------
    repository
        The clone.
    """
    objects = repository.common_dir / "objects"
    others = repository.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")
    with tempfile.TemporaryDirectory(prefix="rsp-release-") as folder:
        yield {
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(
                filter(None, [str(objects), others])
            ),
        }


def try_out(repository: Repository, *, signs: bool) -> None:
    """Make a commit as a release would, and throw it away.

    Parameters
    ----------
    repository
        The clone.
    signs
        Whether it is signed.

    Raises
    ------
    RefusedError
        Raised if it cannot be made, with the cause.
    """
    with open_trial(repository) as places:
        what = "a signed commit" if signs else "a commit"
        hash_, said = make_commit(
            repository, what, "-m", "A trial of rsp-release", "HEAD^{tree}",
            signs=signs, env=places,
        )  # fmt: skip
        made = repository.read("cat-file", "commit", hash_, env=places)
    if signs and "\ngpgsig" not in made:
        raise explain_failure(repository, what, said)

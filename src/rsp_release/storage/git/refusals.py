"""What git says where it fails, and what ends that. Pure."""

from __future__ import annotations

import re

__all__ = [
    "BROKEN",
    "DENIED",
    "MOVED",
    "NOT_SENT",
    "REJECTED",
    "WITH_ANOTHER",
    "advise",
    "find_remedy",
]

DENIED = re.compile(
    r"Authentication failed|could not read (?:Username|Password)"
    r"|Permission denied|Permission to \S+ denied|marked as read only"
    r"|so it is read-only|access denied or repository not exported"
    r"|returned error: 40[13]"
    r"|Write access to repository not granted|Repository not found",
    re.IGNORECASE,
)
"""One may not, or what one may is not known."""

NOT_SENT = re.compile(
    r"Could not resolve|Failed to connect|Connection refused"
    r"|unable to access|Could not read from remote repository"
    r"|does not appear to be a git repository|Connection timed out",
    re.IGNORECASE,
)
"""Nothing was sent."""

REJECTED = re.compile(
    r"^!\t[^\t]*:(.*?)\t\[(?:remote )?rejected\](?: \((.*)\))?", re.MULTILINE
)
"""A ref that was rejected, and why, as ``git push --porcelain`` says it."""

MOVED = re.compile(
    # "stale info": the ref is not where it has to be.
    r"already exists|stale info|incorrect old value|failed to update ref"
    r"|cannot lock ref|failed to lock|transaction failed|fetch first"
)
"""The ref is not where it was, or is there already."""

WITH_ANOTHER = re.compile(r"atomic push fail")
"""What git says of a ref that it would have taken alone."""

BROKEN = re.compile(
    r"RPC failed|hung up unexpectedly|unexpected disconnect"
    r"|early EOF|remote failure",
    re.IGNORECASE,
)
"""What was sent may have arrived."""

_REMEDIES = {
    "resolve proxy|from proxy|CONNECT tunnel|Proxy CONNECT": "check"
    " HTTPS_PROXY, and git's http.proxy",
    "Could not resolve": "check the remote's address and the DNS",
    "certificate (?:has expired|is not yet valid)": "check this machine's"
    " clock, with `date`",
    "certificate": "name a private authority's to git:"
    " git config --global http.sslCAInfo FILE",
    "so it is read-only": "unarchive the repository",
    "SAML SSO": "authorize the token, or the SSH key, for the organization:"
    " GitHub's settings, Configure SSO",
    "IP allow list": "run it from an address on the organization's IP allow"
    " list, or have an owner add this one",
    r"Permission denied \(publickey": "add your SSH key to GitHub, or use a"
    " remote at https://",
    "Host key verification failed": "connect to it once with ssh, and compare"
    " the key that it shows",
}
"""What ends a failure, by what git says."""


def find_remedy(said: str) -> str | None:
    """Find what ends a failure.

    Parameters
    ----------
    said
        What git said.

    Returns
    -------
    str or None
        What to do; `None` where that is not known.
    """
    found = (
        remedy
        for pattern, remedy in _REMEDIES.items()
        if re.search(pattern, said, re.IGNORECASE)
    )
    return next(found, None)


def advise(what: str, said: str, *, is_duplicate: bool) -> str:
    """Say what to do about a push that the remote rejected.

    Parameters
    ----------
    what
        What was pushed, such as ``branch main``.
    said
        What the remote said.
    is_duplicate
        Whether somebody else's push is why.

    Returns
    -------
    str
        What to do.
    """
    is_branch = what.startswith("branch ")
    if is_duplicate:
        if is_branch:
            return (
                "somebody pushed to it meanwhile: run `rsp-release bump` again"
            )
        return "somebody else pushed it: release another version"
    if is_branch and ("GH006" in said or "GH013" in said):
        return (
            "the branch accepts only pull requests: set `pull-request.when` to"
            ' "always"'
        )
    if "GH013" in said:
        return (
            "a ruleset forbids this tag: ask an administrator, or see"
            " Settings, Rules"
        )
    return "ask whoever maintains the remote's rules and hooks"

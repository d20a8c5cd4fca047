"""What GitHub says of a repository's rules and of one's credentials. Pure."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

__all__ = [
    "BranchRules",
    "Credentials",
    "Identity",
    "Ruleset",
    "TokenKind",
    "kind_of_token",
    "matches_ref",
]

TokenKind: TypeAlias = Literal[
    "none", "classic", "fine-grained", "oauth", "app", "unknown"
]
"""What sort of credentials there are. ``app`` is ``GITHUB_TOKEN`` as well."""

_PREFIXES: dict[str, TokenKind] = {
    "ghp_": "classic",
    "github_pat_": "fine-grained",
    "gho_": "oauth",
    "ghu_": "app",
    "ghs_": "app",
}


def kind_of_token(token: str | None) -> TokenKind:
    """Return what sort of token it is, by its prefix.

    Parameters
    ----------
    token
        The token. Nothing of it is kept.

    Notes
    -----
    https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    """
    if not token:
        return "none"
    for prefix, kind in _PREFIXES.items():
        if token.startswith(prefix):
            return kind
    return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which repository it is, whatever it is or was called."""

    name: str
    """Owner and name: those that GitHub knows it by, once it was asked."""

    id: int | None = None
    """Its number, which no rename changes; `None` where it is not known."""

    former: tuple[str, ...] = ()
    """Owner and name that it had, where something still says so."""

    source: str = ""
    """What says so: the remote, a setting or an option."""

    command: str | None = None
    """What mends that, where a command does."""

    @property
    def notice(self) -> str | None:
        """What to tell of a rename, if there was one."""
        if not self.former:
            return None
        text = f"{self.source} still says {self.former[0]}; {self.name} is"
        text += " its name"
        return f"{text}: `{self.command}`" if self.command else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is known of the credentials. They themselves are not in it."""

    kind: TokenKind
    """What sort they are."""

    scopes: tuple[str, ...] | None = None
    """The scopes, of a kind that has them and says them."""

    hides: bool = False
    """Whether GitHub leaves things out for want of single sign-on."""


_JUDGED = frozenset(
    {"creation", "update", "deletion", "non_fast_forward",
     "required_linear_history", "required_signatures", "tag_name_pattern",
     "branch_name_pattern"}
)  # fmt: skip
"""Rules that are judged, or that do not touch a new ref."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """A ruleset that is in force."""

    name: str
    """Its name. Untrusted text."""

    url: str | None
    """Its page."""

    include: tuple[str, ...]
    """Patterns of the refs that it covers."""

    exclude: tuple[str, ...]
    """Patterns of the refs that it spares."""

    rules: tuple[str, ...]
    """The types of its rules."""

    names: tuple[tuple[str, str, bool], ...] = ()
    """Rules for names: operator, pattern, and whether it is negated."""

    bypass: str | None = None
    """Whether these credentials may bypass it, in GitHub's words."""

    def covers(self, ref: str, *, default_branch: str) -> bool:
        """Return whether it is about a ref.

        Parameters
        ----------
        ref
            The full ref.
        default_branch
            The default branch, which has a name of its own in patterns.
        """

        def fits(patterns: tuple[str, ...]) -> bool:
            return any(
                pattern == "~ALL"
                or (
                    pattern == "~DEFAULT_BRANCH"
                    and ref == f"refs/heads/{default_branch}"
                )
                or matches_ref(pattern, ref)
                for pattern in patterns
            )

        return fits(self.include) and not fits(self.exclude)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What it has that cannot be judged from here, in GitHub's words."""
        rules = tuple(rule for rule in self.rules if rule not in _JUDGED)
        operators = (operator for operator, _, _ in self.names)
        return rules + tuple(
            f"a name by {operator}"
            for operator in operators
            if operator not in ("starts_with", "ends_with", "contains")
        )

    def forbids_name(self, name: str) -> str | None:
        """Return the pattern that forbids a name, if one does."""
        for operator, pattern, is_negated in self.names:
            found = {
                "starts_with": name.startswith(pattern),
                "ends_with": name.endswith(pattern),
                "contains": pattern in name,
            }.get(operator)
            # A regular expression of somebody else's is not run here.
            if found is not None and found == is_negated:
                return pattern
        return None


def matches_ref(pattern: str, ref: str) -> bool:
    """Return whether a pattern of GitHub's settings covers a ref.

    One star stands for anything but a slash, two for anything, and brackets
    for one character.
    https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository

    Parameters
    ----------
    pattern
        The pattern, of a ruleset or an environment.
    ref
        The ref, in full for a ruleset and by its name for an environment.
    """
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^/]+?\])", pattern)
    text = "".join(
        wild.get(part) or (_one_of(part) if n % 2 else re.escape(part))
        for n, part in enumerate(parts)
    )
    return re.fullmatch(text, ref) is not None


def _one_of(brackets: str) -> str:
    """Return an expression for the characters that brackets stand for."""
    found = (c for c in string.printable if fnmatchcase(c, brackets))
    listed = re.escape("".join(found).replace("/", ""))
    return f"[{listed}]" if listed else "(?!)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRules:
    """How changes reach a branch."""

    needs_pull: bool
    """Whether it takes pull requests only."""

    approvals: int | None = 0
    """How many approvals those need; `None` where it cannot be told."""

    is_known: bool = True
    """Whether the server tells; else a push is tried, and its answer counts.
    """

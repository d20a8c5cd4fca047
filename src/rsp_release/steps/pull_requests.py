"""Labels and merges our pull requests, and says what they wait for."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.world import Pulls
from ..models import (
    Change,
    EnableAutoMerge,
    LabelPull,
    MergePull,
    OpenPull,
    PullPolicy,
    PullRequest,
    RequestReviews,
    Write,
)

__all__ = ["TAKES_WISH", "describe", "dress", "merge", "write_pull"]

TAKES_WISH = frozenset({"blocked", "behind"})
"""Merge states in which GitHub takes the wish to merge by itself."""


def dress(policy: PullPolicy, pull: PullRequest) -> Change | None:
    """Give a pull request the labels and reviewers that it lacks.

    Parameters
    ----------
    policy
        The settings.
    pull
        The pull request.

    Returns
    -------
    Change or None
        The next write; `None` where nothing is lacking. What people took
        away from some is not given again.
    """
    name = f"#{pull.number}"
    lacking = tuple(x for x in policy.labels if x not in pull.labels)
    if lacking and not pull.labels:
        return Change(
            summary=f"label {name} with {', '.join(lacking)}",
            write=LabelPull(number=pull.number, labels=lacking),
        )
    if policy.reviewers and not pull.reviewers and not pull.reviews:
        who = ", ".join(policy.reviewers)
        return Change(
            summary=f"request a review of {name} from {who}",
            write=RequestReviews(
                number=pull.number, reviewers=policy.reviewers
            ),
        )
    return None


def merge(
    policy: PullPolicy,
    pull: PullRequest,
    *,
    allows_auto_merge: bool | None,
) -> Change | None:
    """Merge a pull request, or let GitHub do so, where that is asked for.

    GitHub takes the wish only while something that it requires is lacking:
    where checks that it does not require are still running, or have failed,
    it refuses, and these are waited for here.

    Parameters
    ----------
    policy
        The settings.
    pull
        The pull request.
    allows_auto_merge
        Whether the repository lets pull requests merge themselves; `None`:
        GitHub does not say.

    Returns
    -------
    Change or None
        The next write; `None` where there is none, or not yet.
    """
    name = f"#{pull.number}"
    if not policy.auto_merge or pull.merges_itself or pull.is_draft:
        return None
    if pull.merge_state in {"clean", "has_hooks"}:
        return Change(
            summary=f"merge {name}",
            write=MergePull(
                number=pull.number, method=policy.auto_merge, head=pull.head
            ),
        )
    can_wait = allows_auto_merge is not False
    if can_wait and pull.merge_state in TAKES_WISH:
        return Change(
            summary=f"enable auto-merge of {name}",
            write=EnableAutoMerge(
                number=pull.number, method=policy.auto_merge
            ),
        )
    return None


def write_pull(pulls: Pulls, write: Write) -> None:
    """Do a write to a pull request.

    Parameters
    ----------
    pulls
        The pull requests of its repository.
    write
        The write.
    """
    match write:
        case OpenPull():
            pulls.open_pull(write)
        case LabelPull():
            pulls.label_pull(write)
        case RequestReviews():
            pulls.request_reviews(write)
        case EnableAutoMerge():
            pulls.enable_auto_merge(write)
        case MergePull():
            pulls.merge_pull(write)
        case _:
            raise TypeError(f"not a write to a pull request: {write}")


def describe(pull: PullRequest, policy: PullPolicy | None = None) -> str:
    """Say what an open pull request waits for.

    Parameters
    ----------
    pull
        The pull request.
    policy
        What the settings ask for.

    Returns
    -------
    str
        Its checks, its reviews, and who has to move.
    """
    said = [*_say_checks(pull), *_say_reviews(pull)]
    if pull.merge_state == "dirty":
        said.append("conflicts with the base branch")
    if pull.merge_state == "behind":
        said.append("out of date with the base branch")
    if pull.is_draft:
        said.append("draft")
    is_ours = policy is not None and bool(policy.auto_merge)
    has_failed = any(check.state == "failed" for check in pull.checks)
    if pull.merges_itself:
        said.append("auto-merge is on")
    elif is_ours and not (
        has_failed or pull.is_draft or pull.merge_state == "dirty"
    ):
        said.append("will be merged once it can be")
    else:
        said.append("waiting to be merged")
    return ", ".join(said)


def _say_checks(pull: PullRequest) -> Iterator[str]:
    failed = [c.name for c in pull.checks if c.state == "failed"]
    running = [c.name for c in pull.checks if c.state == "running"]
    if failed:
        yield f"{', '.join(failed[:3])} failed"
    elif running:
        done = len(pull.checks) - len(running)
        yield f"{done} of {len(pull.checks)} checks passed"
    elif pull.checks:
        yield "checks passed"


def _say_reviews(pull: PullRequest) -> Iterator[str]:
    approved = [r.login for r in pull.reviews if r.state == "APPROVED"]
    refused = [r.login for r in pull.reviews if r.state == "CHANGES_REQUESTED"]
    is_running = any(check.state == "running" for check in pull.checks)
    if refused:
        yield f"{', '.join(refused)} requested changes"
    elif approved:
        yield f"approved by {', '.join(approved)}"
    elif pull.reviewers:
        yield f"review requested from {', '.join(pull.reviewers)}"
    elif pull.merge_state == "blocked" and not is_running:
        yield "review required"

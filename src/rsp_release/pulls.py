"""What a pull request of ours lacks, and what it waits for. Pure."""

from __future__ import annotations

from .models import (
    Change,
    EnableAutoMerge,
    LabelPull,
    MergePull,
    PullPolicy,
    PullRequest,
    RequestReviews,
)

__all__ = ["describe", "finish"]


def finish(
    policy: PullPolicy, pull: PullRequest, *, name: str
) -> Change | None:
    """Give a pull request what it lacks of what the settings ask for.

    What people changed stays: labels are added where there are none, and
    reviewers are asked where nobody was.

    Parameters
    ----------
    policy
        The settings.
    pull
        The pull request, which is open.
    name
        How it is called.

    Returns
    -------
    Change or None
        One write that brings it nearer; `None` where it lacks nothing, or
        GitHub does not know yet whether it can be merged.
    """
    lacking = tuple(x for x in policy.labels if x not in pull.labels)
    if lacking and not pull.labels:
        return Change(
            summary=f"label {name} with {', '.join(lacking)}",
            write=LabelPull(number=pull.number, labels=lacking),
        )
    if policy.reviewers and not pull.reviewers and not pull.reviews:
        return Change(
            summary=f"ask {', '.join(policy.reviewers)} to review {name}",
            write=RequestReviews(
                number=pull.number, reviewers=policy.reviewers
            ),
        )
    if not policy.auto_merge or pull.merges_itself or pull.is_draft:
        return None
    if pull.merge_state == "clean":
        return Change(
            summary=f"merge {name}",
            write=MergePull(
                number=pull.number, method=policy.auto_merge, head=pull.head
            ),
        )
    if pull.merge_state in {"blocked", "behind", "unstable"}:
        return Change(
            summary=f"let {name} merge itself",
            write=EnableAutoMerge(
                number=pull.number, method=policy.auto_merge
            ),
        )
    return None


def describe(pull: PullRequest) -> str:
    """Say what a pull request waits for.

    Parameters
    ----------
    pull
        The pull request, with its checks and reviews.

    Returns
    -------
    str
        A list of findings. Untrusted text.
    """
    said = []
    failed = [c.name for c in pull.checks if c.state == "failed"]
    running = [c.name for c in pull.checks if c.state == "running"]
    if failed:
        said.append(f"{', '.join(failed[:3])} failed")
    elif running:
        done = len(pull.checks) - len(running)
        said.append(f"{done} of {len(pull.checks)} checks passed")
    elif pull.checks:
        said.append("checks passed")
    approved = [r.login for r in pull.reviews if r.state == "APPROVED"]
    refused = [r.login for r in pull.reviews if r.state == "CHANGES_REQUESTED"]
    if refused:
        said.append(f"{', '.join(refused)} asked for changes")
    elif approved:
        said.append(f"approved by {', '.join(approved)}")
    elif pull.reviewers:
        said.append(f"{', '.join(pull.reviewers)} asked to review")
    elif pull.merge_state == "blocked" and not running:
        said.append("a review is needed")
    if pull.merge_state == "dirty":
        said.append("it conflicts with the branch")
    if pull.is_draft:
        said.append("it is a draft")
    said.append(
        "it will merge itself" if pull.merges_itself else "waiting for a merge"
    )
    return ", ".join(said)

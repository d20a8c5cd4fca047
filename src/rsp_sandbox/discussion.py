"""The REST API: reviews and labels of pull requests."""

from __future__ import annotations

from typing import Any

from . import shapes
from .base import Problem, Response, iso, node_id
from .pulls import find_pull, label, simple
from .records import Pull
from .rest import Context, page, route

__all__ = ["review_shape"]

R = "/repos/{owner}/{repo}"
P = R + "/pulls/{number}"
I = R + "/issues/{number}"  # noqa: E741


def review_shape(
    context: Context, pull: Pull, review: dict[str, Any]
) -> dict[str, Any]:
    """Return a ``pull-request-review``."""
    url = f"{context.api}/pulls/{pull.number}"
    web = f"{context.web}/pull/{pull.number}"
    html = f"{web}#pullrequestreview-{review['id']}"
    return {
        "id": review["id"],
        "node_id": node_id("PullRequestReview", review["id"]),
        "user": shapes.user(context.box, review["login"]),
        "body": review["body"],
        "state": review["state"],
        "html_url": html,
        "pull_request_url": url,
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "submitted_at": iso(review["at"]),
        "commit_id": review["sha"],
        "author_association": "OWNER",
    }


@route("GET", P + "/reviews", "pull_requests:read")
def list_reviews(context: Context) -> Response:
    """List reviews."""
    pull = find_pull(context)
    return page(
        context, pull.reviews, lambda r: review_shape(context, pull, r)
    )


@route("POST", P + "/requested_reviewers", "pull_requests:write")
def request_reviewers(context: Context) -> Response:
    """Ask for reviews."""
    pull = find_pull(context)
    asked = context.request.json().get("reviewers") or []
    if pull.author in asked:
        text = "Review cannot be requested from pull request author."
        raise Problem(422, text)
    pull.reviewers += [name for name in asked if name not in pull.reviewers]
    pull.updated_at = context.now
    context.box.touched()
    return Response(201, simple(context, pull))


@route("GET", I + "/labels", "issues:read")
def list_labels(context: Context) -> Response:
    """List labels."""
    return page(
        context, find_pull(context).labels, lambda name: label(context, name)
    )


@route("POST", I + "/labels", "pull_requests:write")
def add_labels(context: Context) -> Response:
    """Add labels, made where there is none of the name."""
    pull = find_pull(context)
    for name in context.request.json().get("labels") or []:
        if name not in pull.labels:
            pull.labels.append(str(name))
    pull.updated_at = context.now
    context.box.touched()
    return Response(200, [label(context, name) for name in pull.labels])

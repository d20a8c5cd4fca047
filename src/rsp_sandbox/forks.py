"""The REST API: forks, which GitHub makes in its own time."""

from __future__ import annotations

from datetime import timedelta

from . import shapes
from .base import History, Problem, Response
from .refs import permissions
from .rest import Context, route

__all__: list[str] = []

R = "/repos/{owner}/{repo}"


@route("POST", R + "/forks", "contents:read")
def create_fork(context: Context) -> Response:
    """Begin to fork a repository for whoever asks.

    There is one fork of a repository for each account: who asks again is
    told of that one. Where its name is taken, GitHub counts.
    """
    box, parent, token = context.box, context.project, context.token
    if token is None:
        raise Problem(401, "Requires authentication")
    if token.kind == "actions":
        raise Problem(403, "Resource not accessible by integration")
    if token.kind == "fine-grained" and not token.may(
        "administration", "write"
    ):
        raise Problem(403, "Resource not accessible by personal access token")
    data = context.request.json()
    owner = str(data.get("organization") or token.login)
    found = box.fork_of(parent, owner)
    if found is None:
        wanted = str(data.get("name") or parent.name)
        name, number = wanted, 0
        while box.find(owner, name) is not None:
            number += 1
            name = f"{wanted}-{number}"
        found = box.add_repository(
            f"{owner}/{name}",
            private=parent.is_private,
            description=parent.description,
        )
        found.git.share(parent.git)
        # What it begins with is no push.
        found.refs = History(found.git.refs())
        found.parent = parent
        found.ready_at = context.now + timedelta(seconds=box.lag.fork)
        box.touched()
    return Response(
        202, shapes.repository(box, found, permissions(context, found))
    )

"""Does the faults to requests and answers."""

from __future__ import annotations

from datetime import timedelta

from .base import Problem, Request, Response, http_date
from .forge import Forge
from .server import Reply

__all__ = ["misbehave", "spoil"]

_PAGE = b"""<!DOCTYPE html>
<html><head><title>Unicorn! &middot; GitHub</title></head>
<body><p>We had issues producing the response to your request.</p></body>
</html>
"""

_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes "
    "before you try again."
)


def misbehave(box: Forge, name: str | None, request: Request) -> Reply | None:
    """Answer instead of carrying a request out, where a fault says so.

    Parameters
    ----------
    box
        The sandbox.
    name
        The fault, if any.
    request
        The request.

    Returns
    -------
    Reply or None
        The answer, or `None` if the request is to be carried out.
    """
    if name == "reset_before":
        return Reply(None)
    if name in {"error_500", "bad_gateway_before"}:
        return Reply(_broken(500 if name == "error_500" else 502))
    if name == "unauthorized":
        box.accounts.revoked = True
        return None
    if name is not None and name.startswith("rate_limit_"):
        return Reply(_limited(box, name, request))
    return None


def _broken(status: int) -> Response:
    if status == 502:
        return Response(502, {"message": "Server Error"}, headers=_json())
    return Response(500, body=_PAGE, headers={"Content-Type": "text/html"})


def _json() -> dict[str, str]:
    return {"Content-Type": "application/json; charset=utf-8"}


def _limited(box: Forge, name: str, request: Request) -> Response:
    now = box.clock.now()
    faults = box.faults
    headers = _json() | {"Date": http_date(now)}
    if name.endswith("_retry"):
        headers["Retry-After"] = str(faults.retry_after)
    if request.path.startswith(("/v2", "/token")):
        # A registry has no such thing as a secondary limit.
        error = {"code": "TOOMANYREQUESTS", "message": "too many requests"}
        return Response(429, {"errors": [error]}, headers=headers)
    status = 429 if "429" in name else 403
    text = _SECONDARY
    limits = {"Limit": "5000", "Remaining": "4321", "Used": "679"}
    reset = now + timedelta(hours=1)
    if name == "rate_limit_primary":
        text = "API rate limit exceeded for user ID 1000001."
        limits = {"Limit": "5000", "Remaining": "0", "Used": "5000"}
        reset = now + timedelta(seconds=2)
    limits["Reset"] = str(int(reset.timestamp()))
    limits["Resource"] = "core"
    headers |= {f"X-RateLimit-{key}": value for key, value in limits.items()}
    response = Problem(status, text).response()
    response.headers = headers
    return response


def spoil(name: str | None, response: Response) -> Reply:
    """Spoil the answer to a request that was carried out."""
    if name == "reset_after":
        return Reply(None)
    if name == "bad_gateway_after":
        return Reply(_broken(502))
    content = response.encoded()
    if name == "truncated_json" and content:
        return Reply(response, send=len(content) // 2)
    if name == "malformed_json" and content:
        response.body = b"{" + content[: len(content) // 2] + b"\x00,]"
        response.headers.pop("ETag", None)
    return Reply(response)

"""What it means where Argo CD, or something before it, does not say yes.

An error of its own is JSON with ``code``, a status of gRPC, and ``message``
(grpc-gateway 1.16). Whatever else answers is no Argo CD: a proxy, a login, a
load balancer. It says nothing of applications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from ...exceptions import (
    NotAllowedError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
)
from ...models.rollout import Target
from ..http import Reply, decode_json, plain_text
from ..redact import Redactor
from ..retry import LastingReadError
from .answers import as_object
from .credentials import Address, Token

__all__ = ["AbsentError", "Place", "explain", "judge_sync", "name"]

E = TypeVar("E", bound=ReleaseError)

FAILED_PRECONDITION = 9
"""gRPC's code for what the state of an application does not allow."""


class AbsentError(ReadError):
    """Argo CD definitely has no such application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An Argo CD, and as whom it is asked."""

    environment: str
    """The name of the environment, made safe."""

    address: Address
    token: Token | None = None

    @property
    def name(self) -> str:
        """How it is called."""
        return f"the Argo CD of {self.environment}"

    @property
    def login(self) -> str:
        """What to do where the credentials do not suffice."""
        login = f"log in: {self.address.login}"
        if self.token is None or self.token.is_stored:
            return login
        return f"renew {self.token.source}, or unset it and {login}"

    def headers(self) -> dict[str, str]:
        """Return what goes with every request."""
        headers = {"Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.value}"
        return headers

    def redact(self, text: str) -> str:
        """Return somebody else's words without the token."""
        return Redactor([self.token.value] if self.token else [])(text)


def name(place: Place, error: E) -> E:
    """Say of which environment it is that no answer came.

    Parameters
    ----------
    place
        Who was asked.
    error
        What became of the request.
    """
    help = error.help
    if "it is a web page" in error.message:
        # Argo CD's own page answers at every path that it does not know.
        help = (
            f"open {place.address.url} in a browser: if Argo CD is not there,"
            " correct the address; if a login is, this network asks for one"
        )
    message = f"{place.name}: {place.redact(error.message)}"
    return type(error)(message, help=help)


def _read_error(place: Place, reply: Reply) -> tuple[int | None, str]:
    """Return code and message of Argo CD's own error; no code: of another."""
    try:
        data = as_object(decode_json(reply.body))
    except ValueError as e:
        reason = place.redact(str(e))
        return None, reason if "web page" in reason else ""
    code, said = data.get("code"), data.get("message") or data.get("error")
    if not isinstance(code, int) or not isinstance(said, str):
        return None, ""
    return code, plain_text(place.redact(said))


def _refuse_login(place: Place, said: str) -> NotAllowedError:
    """Return that nobody, or whoever it was, is let in."""
    if place.token is None:
        message = f"no credentials for {place.name} ({place.address.server})"
    else:
        message = f"{place.name} does not accept the token"
        message += f" from {place.token.source}"
        message += f": {said}" if said else ""
    return NotAllowedError(message, help=place.login)


def _describe(place: Place, reply: Reply, code: int | None, said: str) -> str:
    """Say what was answered."""
    if 300 <= reply.status < 400:
        try:
            url = urljoin(reply.url, reply.headers.get("Location", ""))
            host = urlsplit(url).netloc.rpartition("@")[2]
            to = plain_text(place.redact(host))
        except ValueError:
            to = ""
        return f"{place.name} redirects to {to or 'nowhere'}"
    text = f"{place.name} answered {reply.status}"
    if code is None and reply.status < 500:
        text += ", but not as Argo CD does"
    return f"{text}: {said}" if said else text


def _advise(place: Place, reply: Reply) -> str:
    url = place.address.url
    if 300 <= reply.status < 400:
        return (
            "something before it asks for a login, or the address is"
            f" wrong: open {url} in a browser"
        )
    if reply.status >= 500:
        return f"run it again; if that does not help, open {url}"
    return f"check the address {url}"


def explain(place: Place, reply: Reply, target: Target | None) -> ReleaseError:
    """Return why a read has no answer.

    An application that is not there is refused like one that may not be seen,
    unless its project is named (argo-cd, server/application/application.go).

    Parameters
    ----------
    place
        Who was asked.
    reply
        The answer: not 200.
    target
        The application that was asked for, if one was.
    """
    code, said = _read_error(place, reply)
    if reply.status == 401:
        return _refuse_login(place, said)
    application = plain_text(target.application) if target else ""
    if reply.status == 403 and code is not None:
        if target is None:
            return NotAllowedError(
                f"{place.name} shows nothing: {said}", help=place.login
            )
        help = "check its name, and whether you may see it"
        if place.token is None:
            help = place.login
        elif target.project is None:
            help += (
                "; with its project in the settings, Argo CD tells the two"
                " apart"
            )
        return NotAllowedError(
            f"{place.name} does not show {application}: it is not there, or"
            " you may not see it",
            help=help,
        )
    if reply.status == 404 and code is not None and target is not None:
        if f'"{application}" not found' in said:
            where = plain_text(target.project or "")
            return AbsentError(
                f"{place.name} has no application {application}"
                + (f" in project {where}" if where else "")
            )
    kind = ReadError if reply.status >= 500 else LastingReadError
    return kind(
        _describe(place, reply, code, said),
        help=_advise(place, reply) if code is None else None,
    )


def judge_sync(place: Place, reply: Reply, target: Target) -> None:
    """Raise unless Argo CD says that it has begun to sync.

    Parameters
    ----------
    place
        Who was told to.
    reply
        The answer.
    target
        The application.

    Raises
    ------
    NotAllowedError
        Raised if these credentials may not.
    RefusedError
        Raised if it definitely did not begin.
    UncertainError
        Raised if it may have.
    """
    code, said = _read_error(place, reply)
    what = f"{plain_text(target.application)} in {place.environment}"
    if reply.status == 200:
        try:
            data = as_object(decode_json(reply.body))
        except ValueError:
            data = {}
        if as_object(data.get("metadata")).get("name") == target.application:
            return
    if reply.status == 200 or reply.status >= 500:
        raise UncertainError(_describe(place, reply, code, said))
    if reply.status == 401:
        raise _refuse_login(place, said)
    raise _refuse_sync(place, reply, code, said, what)


def _refuse_sync(
    place: Place, reply: Reply, code: int | None, said: str, what: str
) -> ReleaseError:
    """Return why a sync definitely did not begin."""
    words = said.lower()
    if code is None:
        text = _describe(place, reply, code, said)
        return RefusedError(text, help=_advise(place, reply))
    if "blocked by sync window" in words:
        return RefusedError(
            f"a sync window keeps {what} from being synced",
            help="wait for its end, or ask whoever keeps the project's"
            " windows",
        )
    if reply.status == 403:
        ask = "ask someone who may, or ask for the permission"
        return NotAllowedError(
            f"you may not sync {what}: {said}",
            help=ask if place.token else place.login,
        )
    if "another operation is already in progress" in words:
        return RefusedError(
            f"another operation of {what} is in progress",
            help="wait for its end, or stop it in Argo CD",
            is_duplicate=True,
        )
    if code == FAILED_PRECONDITION and "auto-sync" in words:
        return RefusedError(
            f"Argo CD syncs {what} by itself, and to nothing else: {said}",
            help="wait for it, or switch auto-sync off",
        )
    return RefusedError(f"{place.name} refuses to sync {what}: {said}")

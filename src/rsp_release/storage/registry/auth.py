"""Who we are to a registry: challenges and tokens.

Where credentials may go
------------------------
Credentials kept for a registry go to that registry (Basic) or to the token
service that it names (Bearer), wherever that is, as ``docker`` does it: Docker
Hub's and many private registries' is at another host. Nothing is lost by
that, for a registry proves its name by TLS before it is believed, and a
hostile one could as well ask for the very same credentials by Basic. But:

- A token service is asked by https alone; plain http is for a registry on
  loopback that names a service on loopback.
- ``GH_TOKEN`` and ``GITHUB_TOKEN`` were not given for a registry, and open
  more than one. They go to GitHub's own registry, to a token service at the
  very same origin, and only after the registry refused to answer anonymously.
- A token is asked for pulling, even if the registry's challenge asks for more.
- Redirects carry no credentials to another origin (see
  `~rsp_release.storage.http`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list

from ...engine.world import Clock
from ...exceptions import ReadError
from ..http import Reply, Request, decode_json, find_fault, origin, plain_text
from ..retry import retry_after
from .credentials import Credential
from .manifest import as_object
from .name import Place

__all__ = [
    "Authenticator",
    "BusyError",
    "Challenge",
    "parse_challenges",
]

MIN_LIFETIME = 60
"""Seconds that a token lives where the service doesn't say (by the
distribution project's token specification)."""

_TOKEN = r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
_PART = re.compile(
    rf"(?:{_TOKEN}(?!\s*=)(?:\s+|$))?(?:{_TOKEN}\s*=\s*([^=\s].*)|.*)",
    re.DOTALL,
)
"""A part of a challenge: its scheme, a parameter, or both."""

_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,65536}")


Challenge: TypeAlias = tuple[str, dict[str, str]]
"""How a registry wants a client to log in (RFC 9110, section 11): a scheme
such as ``basic`` or ``bearer`` and its parameters, names in lowercase."""


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a ``WWW-Authenticate`` header.

    Parameters
    ----------
    header
        Its value; several headers joined by commas are one. What cannot be
        understood is skipped.
    """
    found: list[Challenge] = []
    for part in parse_http_list(header[:8192]):
        match = _PART.fullmatch(part)
        scheme, name, value = match.groups("") if match else ("", "", "")
        if scheme:
            found.append((scheme.lower(), {}))
        if name and found:
            text = value[1:-1] if value.startswith('"') else value
            found[-1][1].setdefault(name.lower(), text)
    return tuple(found)


class BusyError(ReadError):
    """A registry, or its token service, would not answer just now.

    Parameters
    ----------
    message
        Which, and what it said.
    seconds
        After how many seconds it may be asked again, if it said so.
    help
        What to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        seconds: float | None = None,
        help: str | None = None,
    ) -> None:
        super().__init__(message, help=help)
        self.seconds = seconds


class Authenticator:
    """Turns challenges into the header that answers them.

    Parameters
    ----------
    send
        What asks token services.
    clock
        Tells when a token has expired.
    """

    def __init__(
        self, *, send: Callable[[Request], Reply], clock: Clock
    ) -> None:
        self._send = send
        self._clock = clock
        self._challenges: dict[tuple[str, str], tuple[Challenge, ...]] = {}
        self._tokens: dict[
            tuple[str, str, Credential], tuple[str, datetime]
        ] = {}

    def header(self, place: Place, identity: Credential) -> str | None:
        """Return the header for a request, as far as it is known by now.

        Parameters
        ----------
        place
            The repository that will be asked.
        identity
            As whom.

        Returns
        -------
        str or None
            Nothing where the registry has not been heard yet.

        Raises
        ------
        ReadError
            Raised if a token service cannot be asked.
        """
        key = (place.host, place.repository, identity)
        if key in self._tokens:
            token, until = self._tokens[key]
            if self._clock.now() < until:
                return f"Bearer {token}"
            del self._tokens[key]
        return self._answer(place, identity)

    def challenge(
        self, place: Place, identity: Credential, header: str
    ) -> str | None:
        """Return the header that answers a challenge just heard.

        Parameters
        ----------
        place
            The repository that was asked.
        identity
            As whom.
        header
            The registry's ``WWW-Authenticate``.

        Returns
        -------
        str or None
            `None` where this identity has no answer to it.

        Raises
        ------
        ReadError
            Raised if a token service cannot be asked.
        """
        self._challenges[place.host, place.repository] = parse_challenges(
            header
        )
        return self._answer(place, identity)

    def _answer(self, place: Place, identity: Credential) -> str | None:
        """Answer the last challenge of a repository."""
        heard = self._challenges.get((place.host, place.repository), ())
        for scheme, params in heard:
            if scheme == "bearer" and "realm" in params:
                return self._bearer(place, identity, params)
        is_basic = "basic" in {scheme for scheme, _ in heard}
        return identity.basic if is_basic else None

    def _bearer(
        self, place: Place, identity: Credential, params: Mapping[str, str]
    ) -> str | None:
        """Get a token from the service that a challenge names."""
        if identity.registry_token:
            token = identity.registry_token
            return f"Bearer {token}" if _HEADER_SAFE.fullmatch(token) else None
        realm = params["realm"]
        if find_fault(realm, urlsplit(place.base).scheme):
            raise ReadError(
                f"{place.host} names a token service that cannot be asked"
                f" securely: {plain_text(realm)!r}"
            )
        if identity.same_origin and origin(realm) != origin(place.base):
            return None
        query = {"scope": _scope(place, params.get("scope", ""))}
        if service := params.get("service"):
            query = {"service": service, **query}
        if identity.identity_token:
            form = {
                "grant_type": "refresh_token",
                "client_id": "rsp-release",
                "refresh_token": identity.identity_token,
                **query,
            }
            request = Request(
                method="POST",
                url=realm,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(form).encode(),
                is_read=True,
            )
        else:
            mark = "&" if urlsplit(realm).query else "?"
            request = Request(
                url=f"{realm}{mark}{urlencode(query)}",
                headers={"Authorization": basic}
                if (basic := identity.basic)
                else {},
            )
        reply = self._send(request)
        where = plain_text(urlsplit(realm).netloc)
        if reply.status in {400, 401, 403, 404}:
            return None
        if reply.status != 200:
            raise BusyError(
                f"the token service {where} of {place.host} answered"
                f" {reply.status}",
                seconds=retry_after(reply.headers, self._clock.now()),
            )
        fresh, seconds = _token_of(reply.body)
        if fresh is None:
            raise ReadError(
                f"the token service {where} of {place.host} sent no token"
            )
        # A token that expires on the way is of no use.
        until = self._clock.now() + timedelta(seconds=seconds - 10)
        self._tokens[place.host, place.repository, identity] = (fresh, until)
        return f"Bearer {fresh}"


def _scope(place: Place, asked: str) -> str:
    """Return the scope to ask for: the registry's, but only for pulling."""
    scopes = asked.split()
    actions = {a for s in scopes for a in s.rpartition(":")[2].split(",")}
    if scopes and not actions & {"push", "delete", "*"}:
        return asked
    return f"repository:{place.repository}:pull"


def _token_of(body: bytes) -> tuple[str | None, int]:
    """Return the token of a service's answer, and its seconds to live."""
    try:
        answer = as_object(decode_json(body))
    except ValueError:
        return None, 0
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not _HEADER_SAFE.fullmatch(token):
        return None, 0
    seconds = answer.get("expires_in")
    if not isinstance(seconds, int) or not 0 < seconds < 86400:
        seconds = MIN_LIFETIME
    return token, max(seconds, MIN_LIFETIME)

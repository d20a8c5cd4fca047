"""Asking a registry, as whom it takes, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...engine.world import Clock
from ...exceptions import ReadError
from ..http import Exchange, Limits, Reply, Request, origin
from ..retry import ReadRetrier, retry_after
from .auth import Authenticator, BusyError
from .credentials import ANONYMOUS, Credential, Credentials
from .manifest import ACCEPT, error_codes
from .name import Place

__all__ = ["RegistryClient", "is_marked", "is_refusal", "says_absent"]

LIMITS = Limits(size=4 << 20)
"""What a request may take: 4 MiB is the least size of a manifest that the
distribution specification has registries accept."""

_LIMIT = re.compile(r"([0-9]{1,9});w=([0-9]{1,9})")
"""How Docker Hub tells its limit: requests, and in how many seconds."""

PATIENCE = 10.0
"""The longest ``Retry-After``, in seconds, that is waited for here."""

_ABSENT = frozenset(
    {"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND", "TAG_EXPIRED"}
)
"""Error codes that say that something isn't there; the last two are Harbor's
and Quay's."""


@dataclass(slots=True)
class _Access:
    """What was learnt about asking for one repository."""

    identity: Credential = ANONYMOUS
    """As whom it answered last."""

    is_hidden: bool | None = None
    """Whether what is there isn't shown anonymously, once that is known."""


class RegistryClient:
    """Asks registries, first anonymously, then with credentials.

    Parameters
    ----------
    environ
        The environment: credentials, proxies, certificates.
    clock
        What waits between attempts and tells when a token expires.
    """

    def __init__(self, *, environ: Mapping[str, str], clock: Clock) -> None:
        self._clock = clock
        self._exchange = Exchange(environ=environ, clock=clock)
        self._retrier = ReadRetrier(clock=clock)
        self._auth = Authenticator(send=self._send, clock=clock)
        self._credentials = Credentials(environ)
        self._access: dict[tuple[str, str], _Access] = {}
        self._greetings: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._exchange.close()

    def ask(self, place: Place, method: str, path: str) -> Reply:
        """Ask for something in a repository, as whom it takes.

        Parameters
        ----------
        place
            The repository.
        method
            ``GET`` or ``HEAD``.
        path
            What is asked for, within the repository.

        Returns
        -------
        Reply
            The answer; the last one, where all were refusals.

        Raises
        ------
        ReadError
            Raised if there is no answer, or a "no such thing" to somebody
            whom the registry did not ask for a name.
        """
        access = self._of(place)
        failure: ReadError | None = None
        refused: Reply | None = None
        for identity in self._identities(place, access.identity):
            try:
                reply, is_open = self._ask_as(identity, place, method, path)
            except BusyError as e:
                # Somebody else may well be given a token.
                failure = failure or e
                continue
            if reply.status == 404 and not is_open:
                failure = failure or ReadError(self._why_refused(place))
            elif not is_refusal(reply):
                access.identity = identity
                return reply
            refused = reply
        if failure is not None or refused is None:
            raise failure or ReadError(self._why_refused(place))
        return refused

    def _identities(
        self, place: Place, first: Credential
    ) -> Iterator[Credential]:
        """Yield as whom to ask; a credential's helper only if it is needed."""
        yield first
        known = self._credentials.of(place.host, place.repository)
        yield from (i for i in (ANONYMOUS, *known) if i != first)

    def is_hidden(self, place: Place) -> bool:
        """Return whether something that is there is hidden from strangers.

        Of what isn't there yet this cannot be told: a registry may refuse to
        speak of it at all.

        Parameters
        ----------
        place
            What was found just now.
        """
        access = self._of(place)
        if access.identity == ANONYMOUS:
            return False
        if access.is_hidden is None:
            path = f"manifests/{place.reference}"
            try:
                reply, _ = self._ask_as(ANONYMOUS, place, "HEAD", path)
            except ReadError:
                return False
            if reply.status in {200, 401, 403, 404}:
                access.is_hidden = reply.status != 200
        return bool(access.is_hidden)

    def refusal(self, place: Place, reply: Reply) -> ReadError:
        """Return why an answer tells nothing, in plain words.

        Parameters
        ----------
        place
            What was asked for.
        reply
            The answer.
        """
        host = place.host
        delay = help = None
        match reply.status:
            case 401 | 403:
                reason = self._why_refused(place)
                help = f"log in with an account that may: docker login {host}"
            case 404:
                reason = f"{host} answered 404, but not as a registry does"
            case 429:
                reason = f"{host} answered 429: too many requests"
                limit = _LIMIT.fullmatch(
                    reply.headers.get("ratelimit-limit", "")
                )
                if limit:
                    reason += f", {limit[1]} in {int(limit[2]) / 3600:g} h"
                delay = retry_after(reply.headers, self._clock.now())
                if delay:
                    reason += f", ask again in {delay:.0f} s"
                if self._of(place).identity == ANONYMOUS:
                    reason += "; those who log in may ask more often"
                    help = f"log in for a higher limit: docker login {host}"
                    reason += f" (docker login {host})"
            case _:
                reason = f"{host} answered {reply.status}"
        codes = error_codes(reply.body)[:2]
        if said := "; ".join(text or code for code, text in codes):
            reason += f" ({said})"
        if reply.status == 429:
            return BusyError(reason, seconds=delay, help=help)
        return ReadError(reason, help=help)

    def _why_refused(self, place: Place) -> str:
        """Return what was tried in vain."""
        host = place.host
        tried = self._credentials.of(host, place.repository)
        reason = f"{host} does not show it anonymously"
        if tried:
            reason += f", nor with {' and '.join(c.source for c in tried)}"
        else:
            reason += (
                f", and no credentials for it are here (docker login {host})"
            )
        if problem := self._credentials.problems.get(host):
            reason += f"; {problem}"
        if any(c.password.startswith("github_pat_") for c in tried):
            reason += "; GitHub Packages takes no fine-grained token"
        return f"{reason}: it is private, or not there"

    def _of(self, place: Place) -> _Access:
        """Return what is known of asking for a repository."""
        key = (place.host, place.repository)
        return self._access.setdefault(key, _Access())

    def _ask_as(
        self, identity: Credential, place: Place, method: str, path: str
    ) -> tuple[Reply, bool]:
        """Ask as someone, answering the registry's challenge.

        Returns
        -------
        tuple
            The answer, and whether it was given to somebody whom the
            registry had asked for a name, where it asks for one at all.
        """
        url = f"{place.base}/v2/{place.repository}/{path}"

        def send(authorization: str | None) -> Reply:
            # A digest is of the bytes as they are.
            headers = {"Accept-Encoding": "identity"}
            if path.startswith("manifests/"):
                headers["Accept"] = ACCEPT
            if authorization is not None:
                headers["Authorization"] = authorization
            return self._send(Request(method=method, url=url, headers=headers))

        header = self._auth.header(place, identity)
        reply = send(header)
        # Only the registry itself may ask who we are.
        if reply.status == 401 and origin(reply.url) == origin(url):
            asked = reply.headers.get("WWW-Authenticate", "")
        elif reply.status == 404 and header is None:
            asked = self._greet(place)
        else:
            return reply, True
        answer = (
            self._auth.challenge(place, identity, asked) if asked else None
        )
        if answer in {None, header}:
            return reply, not asked
        return send(answer), True

    def _greet(self, place: Place) -> str:
        """Return how a registry challenges those who only say hello.

        Some answer "no such thing" to strangers without asking who they are,
        and tell only here that they would have liked to know (OCI
        distribution specification, end-1). Empty where it takes anyone.
        """
        if place.host not in self._greetings:
            url = f"{place.base}/v2/"
            reply = self._send(Request(method="GET", url=url))
            asks = reply.status == 401 and origin(reply.url) == origin(url)
            self._greetings[place.host] = (
                reply.headers.get("WWW-Authenticate", "") if asks else ""
            )
        return self._greetings[place.host]

    def _send(self, request: Request) -> Reply:
        """Send a request, again where that may help."""
        return self._retrier.read(
            lambda: self._exchange.send(replace(request, limits=LIMITS)),
            again=self._again,
        )

    def _again(self, reply: Reply) -> float | None:
        """Return after how many seconds it is worth to ask again, if it is."""
        asked = retry_after(reply.headers, self._clock.now())
        is_soon = asked is not None and asked <= PATIENCE
        if reply.status in {500, 502, 503, 504}:
            return asked if is_soon else 0.0
        # Without a hint how long to wait, asking again makes it worse.
        return (
            max(asked or 0.0, 1.0) if reply.status == 429 and is_soon else None
        )


def says_absent(place: Place, reply: Reply) -> bool:
    """Return whether a 404 is the registry's own, and not some proxy's.

    Parameters
    ----------
    place
        What was asked for.
    reply
        An answer of status 404.
    """
    if origin(reply.url) != origin(place.base):
        return False
    codes = {code for code, _ in error_codes(reply.body)}
    return bool(codes & _ABSENT) if codes else is_marked(reply)


def is_marked(reply: Reply) -> bool:
    """Return whether an answer carries a registry's own mark.

    Parameters
    ----------
    reply
        The answer.
    """
    version = reply.headers.get("Docker-Distribution-Api-Version", "")
    return version.lower().startswith("registry/2")


def is_refusal(reply: Reply) -> bool:
    """Return whether somebody else might get another answer.

    Some registries say "no such name" of what they don't want to show.

    Parameters
    ----------
    reply
        The answer.
    """
    if reply.status == 404:
        return any(c == "NAME_UNKNOWN" for c, _ in error_codes(reply.body))
    return reply.status in {401, 403, 429}

"""Why a server did not answer, and what ends that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from urllib3 import exceptions as errors

from .connections import Proxy, find_authorities

__all__ = ["ExchangeError", "explain"]


class ExchangeError(Exception):
    """An exchange failed, and it is known how far it got.

    Parameters
    ----------
    fate
        Whether the request was ``refused`` here (and will be again), was
        ``not sent``, is ``lost``, or has an answer that is ``unusable``.
    message
        What happened.
    help
        What to do next.
    """

    def __init__(
        self,
        fate: Literal["refused", "not sent", "lost", "unusable"],
        message: str,
        *,
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.fate = fate
        self.help = help


def explain(
    error: errors.HTTPError,
    host: str,
    *,
    proxy: Proxy | None,
    environ: Mapping[str, str],
    now: datetime,
) -> ExchangeError:
    """Return what became of a request that got no answer.

    Parameters
    ----------
    error
        What urllib3 raised.
    host
        Who was asked, and the port where it was given.
    proxy
        The proxy that was used, if one was.
    environ
        The environment, for the authorities that it names.
    now
        The time by this machine's clock (aware).
    """
    named = " and ".join(find_authorities(environ))
    if proxy is None:
        return _explain(error, host, named, now)
    name = f"the proxy {proxy.address}"
    if not isinstance(error, errors.ProxyError):
        found = _explain(error, host, named, now)
        message = f"{found}, through {name}"
        help = found.help or f"check {proxy.variable}"
        return ExchangeError(found.fate, message, help=help)
    cause = error.original_error
    match = re.search(r"Tunnel connection failed: ([0-9]{3})", str(cause))
    if match:
        return _explain_refusal(int(match[1]), host, proxy)
    found = ExchangeError("not sent", f"{name} cannot be used for {host}")
    if isinstance(cause, errors.HTTPError):
        found = _explain(cause, name, named, now)
    help = f"check {proxy.variable}"
    if isinstance(cause, errors.SSLError):
        help = found.help or help
    return ExchangeError("not sent", str(found), help=help)


def _explain_refusal(status: int, host: str, proxy: Proxy) -> ExchangeError:
    """Return why a proxy did not connect to a host."""
    name = f"the proxy {proxy.address}"
    if status != 407:
        is_lasting = status < 500
        remedy = "have it allowed there" if is_lasting else "check the address"
        return ExchangeError(
            "refused" if is_lasting else "not sent",
            f"{name} does not connect to {host}: it answers {status}",
            help=f"{remedy}, or name it in NO_PROXY if it can be reached"
            " without",
        )
    if proxy.user:
        return ExchangeError(
            "refused",
            f"{name} does not accept the user and password (407)",
            help=f"correct them in {proxy.variable}",
        )
    return ExchangeError(
        "refused",
        f"{name} wants a login (407)",
        help=f"set {proxy.variable} to"
        f" {proxy.scheme}://USER:PASSWORD@{proxy.address}",
    )


def _explain(
    error: errors.HTTPError, host: str, named: str, now: datetime
) -> ExchangeError:
    """Return why there is no connection, or no answer by it."""
    if isinstance(error, errors.SSLError):
        cause = error.args[0] if error.args else None
        detail = getattr(cause, "verify_message", "")
        if not detail:
            return ExchangeError("lost", f"cannot speak TLS with {host}")
        # It doesn't get better in a second.
        return ExchangeError(
            "refused",
            f"the certificate of {host} is not accepted: {detail}",
            help=_advise_on_certificate(detail, named, now),
        )
    if isinstance(error, errors.NameResolutionError):
        return ExchangeError(
            "not sent",
            f"cannot resolve {host}",
            help="check the name and the DNS; where only a proxy gets out, set"
            " HTTPS_PROXY",
        )
    if isinstance(error.__cause__, ConnectionRefusedError):
        return ExchangeError(
            "not sent",
            f"{host} refused the connection",
            help="check the address and the port, and whether the server runs",
        )
    if isinstance(
        error, (errors.ConnectTimeoutError, errors.NewConnectionError)
    ):
        return ExchangeError(
            "not sent",
            f"cannot connect to {host}",
            help="a firewall may be in the way; where only a proxy gets out,"
            " set HTTPS_PROXY",
        )
    if isinstance(error, errors.TimeoutError):
        return ExchangeError("lost", f"{host} did not answer in time")
    return ExchangeError("lost", f"the connection to {host} broke")


def _advise_on_certificate(detail: str, named: str, now: datetime) -> str:
    """Return what ends that a certificate is not accepted."""
    if "expired" in detail or "not yet valid" in detail:
        return (
            "check this machine's clock, which shows"
            f" {now:%Y-%m-%d %H:%M} UTC; if that is right, the server needs a"
            " new certificate"
        )
    if "mismatch" in detail:
        return (
            "another server answers there: check the address, the DNS and the"
            " proxy"
        )
    if named:
        return (
            f"{named} names all authorities that are trusted: add the missing"
            " one, or unset it"
        )
    return "name the certificate of a private authority with SSL_CERT_FILE"

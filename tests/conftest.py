"""What holds for every test: no network but loopback, and no luck."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from .support.places import find_memory

__all__ = ["NetworkError"]

hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.load_profile("ci")

_SECRETS = ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_ACTIONS", "GITHUB_REPOSITORY")


if memory := find_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


class NetworkError(AssertionError):
    """A test tried to reach something beyond this machine."""


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        # Names below .invalid never exist (RFC 2606).
        return str(host).endswith((".localhost", ".invalid"))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shut the network in this process, loopback apart."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        is_inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_inet and not _is_loopback(address[0]):
            raise NetworkError(f"a test connects to {address}")
        connect(self, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_loopback(host):
            raise NetworkError(f"a test looks up {host}")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    for name in _SECRETS:
        monkeypatch.delenv(name, raising=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:
    """Let a skipped test fail where everything must have been installed."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("RSP_RELEASE_NO_SKIPS"):
        if not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            reason = report.longrepr[2] if report.longrepr else "skipped"
            report.longrepr = f"nothing may be skipped here: {reason}"

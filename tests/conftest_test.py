from __future__ import annotations

import socket

import pytest

from .conftest import NetworkError


def test_network_is_shut() -> None:
    with pytest.raises(NetworkError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(NetworkError):
        socket.getaddrinfo("example.org", 80)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address, timeout=1):
            pass

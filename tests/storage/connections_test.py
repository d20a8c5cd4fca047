"""Whom to trust, by which proxy: the rules, and the table in the docs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random

import pytest
from typing_extensions import override

from rsp_release.exceptions import ReleaseError
from rsp_release.models import Image
from rsp_release.storage.connections import (
    add_git_authorities,
    find_authorities,
    find_proxy,
    open_pools,
)
from rsp_release.storage.github.http import GithubHttp
from rsp_release.storage.registry.oci import OciRegistry

from ..support.loopback import Loopback
from ..support.registry import Answer, Authority, FakeClock, Scripted

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "networks.md"

Environ = Mapping[str, str]


class TestProxies:
    @pytest.mark.parametrize(
        ("environ", "address", "user"),
        [
            ({"HTTPS_PROXY": "http://p.example:3128"}, "p.example:3128", ""),
            ({"https_proxy": "p.example:3128"}, "p.example:3128", ""),
            (
                {"HTTPS_PROXY": "http://ada:p%40ss@p.example:3128/"},
                "p.example:3128",
                "ada:p%40ss",
            ),
            ({"HTTPS_PROXY": "https://a@b:pw@[::2]:1"}, "[::2]:1", "a@b:pw"),
            ({"ALL_PROXY": "http://all.example"}, "all.example", ""),
            (
                {"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://one"},
                "one",
                "",
            ),
            (
                {"https_proxy": "http://low", "HTTPS_PROXY": "http://up"},
                "low",
                "",
            ),
        ],
    )
    def test_found(self, environ: Environ, address: str, user: str) -> None:
        proxy = find_proxy(environ, "https://a.example/x")
        assert proxy is not None
        assert (proxy.address, proxy.user) == (address, user)
        assert "pw" not in repr(proxy)
        assert proxy.variable in environ

    @pytest.mark.parametrize(
        ("url", "environ"),
        [
            ("https://a.example/", {}),
            ("https://a.example/", {"HTTP_PROXY": "http://p"}),
            ("https://localhost/", {"HTTPS_PROXY": "http://p"}),
            ("http://127.0.0.1:5000/", {"ALL_PROXY": "http://p"}),
            ("http://[::1]/", {"ALL_PROXY": "http://p"}),
        ],
    )
    def test_none(self, url: str, environ: Environ) -> None:
        assert find_proxy(environ, url) is None

    @pytest.mark.parametrize(
        ("excepted", "host", "is_direct"),
        [
            ("a.example", "a.example", True),
            ("example", "a.example", True),
            (".example", "a.example", True),
            ("*.example", "a.example", True),
            (".a.example", "a.example", True),
            ("A.Example", "a.example", True),
            ("b.example, a.example", "a.example", True),
            ("b.example a.example", "a.example", True),
            ("*", "a.example", True),
            ("a.example:443", "a.example", True),
            ("a.example:5000", "a.example:5000", True),
            ("a.example:5000", "a.example", False),
            ("xample", "a.example", False),
            ("b.a.example", "a.example", False),
            ("10.0.0.0/8", "10.1.2.3", True),
            ("10.0.0.1/8", "10.1.2.3:5000", True),
            ("10.1.2.3", "10.1.2.3", True),
            ("10.0.0.0/8", "11.1.2.3", False),
            ("10.0.0.0/8", "a.example", False),
            ("fd00::/8", "[fd12::1]", True),
            ("[fd12::1]", "[fd12::1]", True),
            ("fd00::/8", "[fe80::1]", False),
            ("", "a.example", False),
            (",", "a.example", False),
            ("/8, :, .", "a.example", False),
        ],
    )
    def test_excepted(
        self, excepted: str, host: str, *, is_direct: bool
    ) -> None:
        environ = {"HTTPS_PROXY": "http://p", "NO_PROXY": excepted}
        proxy = find_proxy(environ, f"https://{host}/x")
        assert (proxy is None) is is_direct

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (
                "http://ada:p/ss@p.example:3128",
                "HTTPS_PROXY is not the address of a proxy",
            ),
            ("http://", "HTTPS_PROXY is not the address of a proxy"),
            ("http://p.example:x", "HTTPS_PROXY is not the address of a prox"),
            ("socks5h://ada:pw@p:1080", "HTTPS_PROXY names a socks5h proxy"),
        ],
    )
    def test_unusable(self, value: str, message: str) -> None:
        with pytest.raises(ValueError, match=f"^{message}") as raised:
            find_proxy({"HTTPS_PROXY": value}, "https://a.example/")
        assert "ada" not in str(raised.value)


class TestAuthorities:
    @pytest.mark.parametrize(
        ("names", "counting"),
        [
            (["SSL_CERT_FILE"], ["SSL_CERT_FILE"]),
            (["SSL_CERT_FILE", "SSL_CERT_DIR"],) * 2,
            (["CURL_CA_BUNDLE", "SSL_CERT_FILE"], ["CURL_CA_BUNDLE"]),
            (["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"], ["REQUESTS_CA_BUNDLE"]),
            (["GIT_SSL_CAINFO"], []),
        ],
    )
    def test_first_counts(self, names: list[str], counting: list[str]) -> None:
        environ = dict.fromkeys(names, "/a")
        assert list(find_authorities(environ)) == counting

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("SSL_CERT_FILE", "SSL_CERT_FILE"),
            ("GIT_SSL_CAINFO", r"git's http\.sslCAInfo"),
        ],
    )
    def test_unusable(self, name: str, shown: str, tmp_path: Path) -> None:
        empty = tmp_path / "empty.pem"
        empty.touch()
        for path in ("/nowhere", str(empty)):
            with pytest.raises(ValueError, match=f"^{shown} names no cert"):
                open_pools({name: path}, "https", None)


# -- The table in the docs ----------------------------------------------------


@dataclass(kw_only=True)
class Network:
    """A server with an authority of its own, and a proxy in front of it."""

    server: Scripted
    bundle: Path
    folder: Path
    proxy: str = ""
    passed: list[str] = field(default_factory=list)
    """What the proxy was asked for."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    path = tmp_path_factory.mktemp("network")
    authority = Authority(path)
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", authority.bundle],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    folder = path / "folder"
    folder.mkdir()
    (folder / f"{hashed}.0").symlink_to(authority.bundle)
    tls = authority.issue("127.0.0.2")
    answers = [Answer(404, {}, b'{"message": "Not Found"}')]
    with Scripted(host="127.0.0.2", tls=tls, answers=answers) as server:
        made = Network(server=server, bundle=authority.bundle, folder=folder)
        with _serve_proxy(made.passed) as made.proxy:
            yield made


@contextmanager
def _serve_proxy(passed: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            passed.append(self.path)
            self.send_error(502)

        @override
        def log_message(self, *args: object) -> None:
            pass

    with Loopback(Handler) as loopback:
        yield loopback.url


def _ask_github(url: str, environ: Environ, path: Path) -> None:
    with closing(
        GithubHttp(
            api_url=url,
            token=None,
            clock=FakeClock(),
            random=Random(0),
            environ=add_git_authorities(environ, url, path),
        )
    ) as http:
        http.ask("GET", "/x")


def _ask_registry(url: str, environ: Environ, path: Path) -> None:
    name = url.removeprefix("https://")
    with closing(
        OciRegistry(
            environ=add_git_authorities(environ, url, path), clock=FakeClock()
        )
    ) as registry:
        registry.look(Image(name=f"{name}/app", tag="1"))


def _ask_git(url: str, environ: Environ, path: Path) -> None:
    subprocess.run(
        ["git", "ls-remote", f"{url}/x.git"],
        cwd=path,
        env=environ,
        check=False,
        capture_output=True,
    )


ASK: dict[str, Callable[[str, Environ, Path], None]] = {
    "GitHub's API": _ask_github,
    "registries": _ask_registry,
    "git": _ask_git,
}


def _read_table() -> Iterator[tuple[str, str, bool]]:
    rows = re.findall(r"^\| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    head, *rest = (row.split(" | ") for row in rows)
    for name, *cells in rest:
        for who, cell in zip(head[1:], cells, strict=True):
            assert cell in {"yes", "no"}
            yield name.strip("`"), who, cell == "yes"


@pytest.mark.parametrize(("setting", "who", "counts"), list(_read_table()))
def test_table(
    network: Network, tmp_path: Path, setting: str, who: str, *, counts: bool
) -> None:
    values = {
        "SSL_CERT_DIR": str(network.folder),
        "HTTPS_PROXY": network.proxy,
        "ALL_PROXY": network.proxy,
        "NO_PROXY": "127.0.0.0/8",
        "git config http.proxy": network.proxy,
    }
    value = values.get(setting, str(network.bundle))
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "config"),
        "GIT_TERMINAL_PROMPT": "0",
    }
    if setting.startswith("git config"):
        section, _, key = setting.removeprefix("git config ").partition(".")
        (tmp_path / "config").write_text(f"[{section}]\n\t{key} = {value}\n")
    else:
        environ[setting] = value
    if setting == "NO_PROXY":
        environ["HTTPS_PROXY"] = network.proxy
    network.server.seen.clear()
    network.passed.clear()
    with suppress(ReleaseError):
        ASK[who](network.server.url, environ, tmp_path)
    if "proxy" not in setting.lower():
        assert bool(network.server.seen) is counts
    else:
        is_passed = bool(network.passed)
        assert is_passed is (counts is not (setting == "NO_PROXY"))

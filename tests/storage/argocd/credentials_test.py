"""Whom an Argo CD is asked as, and where no token goes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rsp_release.exceptions import NotAllowedError, ReadError
from rsp_release.storage.argocd.credentials import Address, Credentials, Token

PHALANX = Address.parse("https://data-dev.example.org/argo-cd")

CONFIG = """\
contexts:
- name: argocd1.example.com:443
  server: argocd1.example.com:443
  user: argocd1.example.com:443
- name: data-dev.example.org/argo-cd
  server: data-dev.example.org
  user: data-dev.example.org/argo-cd
- name: localhost:8080
  server: localhost:8080
  user: localhost:8080
current-context: localhost:8080
servers:
- server: argocd1.example.com:443
- grpc-web: true
  grpc-web-root-path: /argo-cd
  server: data-dev.example.org
- grpc-web-root-path: ""
  plain-text: true
  server: localhost:8080
users:
- auth-token: token-one
  name: argocd1.example.com:443
  refresh-token: refresh-one
- auth-token: token-dev
  name: data-dev.example.org/argo-cd
- auth-token: token-local
  name: localhost:8080
prompts-enabled: true
"""
"""As `argocd login` writes it (argo-cd, util/localconfig/testdata)."""


def keep(folder: Path, text: str = CONFIG, *, mode: int = 0o600) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config"
    path.write_text(text)
    path.chmod(mode)
    return path


def jwt(**claims: object) -> str:
    def part(data: object) -> str:
        text = json.dumps(data).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    return ".".join([part({"alg": "RS256"}), part(claims), "c2lnbmVk"])


def value(
    environ: dict[str, str], url: str, environment: str = "idfdev"
) -> str | None:
    token = Credentials(environ).of(environment, Address.parse(url))
    return token.value if token else None


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://data-dev.example.org/argo-cd", "token-dev"),
        ("https://data-dev.example.org:443/argo-cd/", "token-dev"),
        ("https://DATA-DEV.example.org/argo-cd", "token-dev"),
        ("https://argocd1.example.com", "token-one"),
        ("http://localhost:8080", "token-local"),
        # Neither elsewhere on the host, nor by another way.
        ("https://data-dev.example.org", None),
        ("https://data-dev.example.org/argo", None),
        ("https://data-dev.example.org:8443/argo-cd", None),
        ("https://localhost:8080", None),
        ("https://data-dev.example.org.evil.example/argo-cd", None),
        ("https://argocd1.example.com.evil.example", None),
    ],
)
def test_what_the_command_keeps(
    tmp_path: Path, url: str, token: str | None
) -> None:
    keep(tmp_path)
    environ = {"ARGOCD_CONFIG_DIR": str(tmp_path)}
    assert value(environ, url) == token


def test_where_the_command_keeps_it(tmp_path: Path) -> None:
    home, xdg, named = tmp_path / "h", tmp_path / "x", tmp_path / "n"

    def config(folder: Path, token: str) -> None:
        keep(folder, CONFIG.replace("token-dev", token))

    def found() -> str | None:
        return value(environ, PHALANX.url)

    environ = {"HOME": str(home)}
    assert found() is None
    config(home / ".config" / "argocd", "default")
    assert found() == "default"
    environ["XDG_CONFIG_HOME"] = str(xdg)
    assert found() is None
    config(xdg / "argocd", "xdg")
    assert found() == "xdg"
    (home / ".argocd").mkdir()
    assert found() is None
    config(home / ".argocd", "legacy")
    assert found() == "legacy"
    environ["ARGOCD_CONFIG_DIR"] = str(named)
    assert found() is None
    config(named, "named")
    assert found() == "named"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    path = keep(tmp_path, mode=mode)
    environ = {"ARGOCD_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(NotAllowedError) as caught:
        value(environ, PHALANX.url)
    assert caught.value.message == (
        f"others can access argocd's configuration {path}"
    )
    assert caught.value.help == f"chmod 600 {path}"
    assert Credentials(environ).secrets() == ()
    # What does not need it is not kept from anything.
    environ["ARGOCD_AUTH_TOKEN_IDFDEV"] = "other"
    assert value(environ, PHALANX.url) == "other"


@pytest.mark.parametrize(
    "text",
    [
        "users: [token-secret",
        "token-secret: [1, 2",
        "- token-secret",
        "token-secret",
        "a: *token-secret",
        "a: !token-secret x",
        "\x00token-secret",
    ],
)
def test_file_that_is_none(tmp_path: Path, text: str) -> None:
    path = keep(tmp_path, text)
    with pytest.raises(NotAllowedError) as caught:
        value({"ARGOCD_CONFIG_DIR": str(tmp_path)}, PHALANX.url)
    assert f"cannot read argocd's configuration {path}" in caught.value.message
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "contexts: 1",
        "contexts: [1, {name: [a], server: {}, user: []}]\nservers: [{}]",
        CONFIG.replace("token-dev", '""'),
        CONFIG.replace("token-dev", "[1]"),
        CONFIG.replace("server: data-dev.example.org", "server: 12"),
        CONFIG.replace("server: data-dev.example.org", 'server: "a:b:c"'),
    ],
)
def test_file_without_a_token(tmp_path: Path, text: str) -> None:
    keep(tmp_path, text)
    environ = {"ARGOCD_CONFIG_DIR": str(tmp_path)}
    assert value(environ, PHALANX.url) is None


def test_variable_goes_to_what_the_user_named(tmp_path: Path) -> None:
    """A repository's file alone gets no token sent anywhere."""
    evil = "https://evil.example/argo-cd"
    environ = {"ARGOCD_AUTH_TOKEN": "secret", "HOME": str(tmp_path)}
    assert value(environ, evil) is None
    assert value(environ, PHALANX.url) is None
    # As the command has it: the server of the variable, whatever is kept.
    environ["ARGOCD_SERVER"] = "data-dev.example.org"
    assert value(environ, PHALANX.url) == "secret"
    assert value(environ, "https://data-dev.example.org:443") == "secret"
    assert value(environ, "https://data-dev.example.org:444") is None
    assert value(environ, evil) is None
    keep(tmp_path / ".config" / "argocd")
    assert value(environ, "http://localhost:8080") == "token-local"
    # Without it, that of the current context.
    del environ["ARGOCD_SERVER"]
    assert value(environ, "http://localhost:8080") == "secret"
    assert value(environ, PHALANX.url) == "token-dev"
    assert value(environ, evil) is None


def test_variable_of_an_environment() -> None:
    environ = {
        "ARGOCD_AUTH_TOKEN": "all",
        "ARGOCD_SERVER": "data-dev.example.org",
        "ARGOCD_AUTH_TOKEN_TUCSON_TESTSTAND": " one\n",
    }
    url = PHALANX.url
    assert value(environ, url, "tucson-teststand") == "one"
    assert value(environ, url, "idfdev") == "all"
    environ["ARGOCD_SERVER_TUCSON_TESTSTAND"] = "data-dev.example.org/argo-cd"
    assert value(environ, url, "tucson-teststand") == "one"
    for evil in (
        "https://evil.example/argo-cd",
        "https://data-dev.example.org/evil",
    ):
        with pytest.raises(NotAllowedError) as caught:
            value(environ, evil, "tucson-teststand")
        assert evil in caught.value.message
        assert "ARGOCD_SERVER_TUCSON_TESTSTAND" in (caught.value.help or "")


@pytest.mark.parametrize("token", ["a\nX-Y: z", "Bearer abc", "ключ"])
def test_variable_that_holds_no_token(token: str) -> None:
    environ = {"ARGOCD_AUTH_TOKEN_IDFDEV": token}
    with pytest.raises(NotAllowedError) as caught:
        value(environ, "https://data-dev.example.org/argo-cd")
    assert caught.value.help == (
        "set ARGOCD_AUTH_TOKEN_IDFDEV to the token alone"
    )
    assert token not in caught.value.message


def test_token_does_not_show() -> None:
    assert "secret" not in repr(Token(value="secret", source="here"))


def test_secrets_that_are_kept(tmp_path: Path) -> None:
    keep(tmp_path)
    environ = {
        "ARGOCD_CONFIG_DIR": str(tmp_path),
        "ARGOCD_AUTH_TOKEN": "token-all",
        "ARGOCD_AUTH_TOKEN_IDFDEV": "token-idfdev\n",
        "ARGOCD_SERVER": "data-dev.example.org",
    }
    assert set(Credentials(environ).secrets()) == {
        "token-all",
        "token-idfdev",
        "token-one",
        "refresh-one",
        "token-dev",
        "token-local",
    }
    assert Credentials({}).secrets() == ()


@pytest.mark.parametrize(
    ("token", "ends"),
    [
        (jwt(exp=1790000000), datetime.fromtimestamp(1790000000, UTC)),
        (jwt(exp=1790000000.5, sub="admin"), 1790000000.5),
        (jwt(sub="a-robot"), None),
        (jwt(exp="soon"), None),
        (jwt(exp=1e300), None),
        (jwt(exp=None), None),
        ("a.b.c", None),
        ("opaque", None),
        ("", None),
        (f"a.{base64.urlsafe_b64encode(b'[' * 5000).decode()}.c", None),
    ],
)
def test_when_a_token_is_over(
    token: str, ends: datetime | float | None
) -> None:
    if isinstance(ends, float):
        ends = datetime.fromtimestamp(ends, UTC)
    assert Token(value=token, source="").expires_at == ends


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "https://data.example.org/argo-cd/",
            "data.example.org --grpc-web-root-path /argo-cd",
        ),
        (
            "https://cd.example.org:8443",
            "cd.example.org:8443",
        ),
        (
            "http://localhost:8080/a/b",
            "localhost:8080 --grpc-web-root-path /a/b --plaintext",
        ),
        ("https://[2001:db8::1]/", "'[2001:db8::1]'"),
    ],
)
def test_login(url: str, words: str) -> None:
    assert Address.parse(url).login == f"argocd login {words} --sso"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data.example.org/argo-cd",
        "https://",
        "https:///argo-cd",
        "https://a b.example.org",
        "https://user@data.example.org",
        "https://data.example.org/argo-cd?x=1",
        "https://data.example.org/../x",
        "https://data.example.org:0",
        "https://data.example.org:99999",
        "https://data.example.org/$(id)",
        "ftp://data.example.org",
        "http://data.example.org/argo-cd",
        "http://169.254.169.254",
        "https://.example.org",
        "https://data.example.org\n",
        "https://dätä.example.org",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ReadError):
        Address.parse(url)

"""Logging in to registries, by every way that the real ones have."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rsp_release.models import Image, ImageReport
from rsp_release.storage.registry.auth import parse_challenges
from rsp_release.storage.registry.credentials import Credential, Credentials
from rsp_release.storage.registry.oci import OciRegistry
from tests.support.registry import (
    OCI_INDEX,
    Answer,
    Authority,
    Exchange,
    FakeClock,
    Front,
    Pusher,
    RealRegistry,
    Scripted,
    TokenService,
    free_port,
    needs_registry,
    needs_skopeo,
    needs_umoci,
    resolving,
)

SECRET = "secret-of-ada"
BCRYPT = "$2b$04$M3MgSwSf0IBr03wuZYB8dOPwWbNGmb45OcH5NYMeCyvOvcbaToSaS"
GITHUB_TOKEN = "ghp_0123456789abcdef"
GOOGLE_TOKEN = "ya29.token-of-gcloud"
GAR = "us-central1-docker.pkg.dev"
ADA = base64.b64encode(f"ada:{SECRET}".encode()).decode()
INDEX = json.dumps(
    {
        "manifests": [
            {
                "digest": f"sha256:{'0' * 64}",
                "platform": {"os": "linux", "architecture": "amd64"},
            }
        ]
    }
).encode()

Environ = dict[str, str]


@dataclass
class Internet:
    """Registries under their real names, on loopback."""

    ghcr: Front
    hub: Front
    hub_tokens: TokenService
    google: Front
    basic: RealRegistry
    authority: Authority
    storage: Path
    names: Mapping[str, str]


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """Start a registry as GitHub's, as Docker Hub and as Google's, and more.

    All hold the same images; ``public`` is shown to everyone, but not by the
    one that knows Basic alone.
    """
    path = tmp_path_factory.mktemp("internet")
    authority = Authority(path)
    with ExitStack() as stack:
        open_to_all = stack.enter_context(RealRegistry(path=path / "open"))
        push = Pusher(open_to_all.url)
        for name in ("public", "private"):
            push.index(name, tag="1")
            push.index(f"library/{name}", tag="1")

        def start(
            host: str,
            realm: str,
            tokens: TokenService,
            *,
            is_own: bool = True,
        ) -> Front:
            tokens.realm = realm
            real = stack.enter_context(
                RealRegistry(
                    path=path / host,
                    storage=open_to_all.storage,
                    tokens=tokens,
                )
            )
            return stack.enter_context(
                Front(
                    real.address,
                    tokens=tokens if is_own else None,
                    host="127.0.0.2",
                    tls=authority.issue(host),
                )
            )

        public = ("public", "library/public")
        # The first two answer as part of the registry, at its own address.
        github_tokens = TokenService(
            path=path,
            users={"ada": SECRET, "token": GITHUB_TOKEN},
            public=public,
        )
        stack.callback(github_tokens.discard)
        ghcr = start("ghcr.io", "https://ghcr.io/token", github_tokens)
        google_tokens = TokenService(
            path=path, users={"oauth2accesstoken": GOOGLE_TOKEN}
        )
        stack.callback(google_tokens.discard)
        google = start(GAR, f"https://{GAR}/v2/token", google_tokens)
        hub_tokens = stack.enter_context(
            TokenService(
                path=path,
                users={"ada": SECRET},
                public=public,
                refuses_strangers=False,
                host="127.0.0.2",
                tls=authority.issue("auth.docker.io"),
            )
        )
        hub = start(
            "registry-1.docker.io",
            "https://auth.docker.io/token",
            hub_tokens,
            is_own=False,
        )
        htpasswd = path / "htpasswd"
        htpasswd.write_text(f"ada:{BCRYPT}\n")
        basic = stack.enter_context(
            RealRegistry(
                path=path / "basic",
                host="127.0.0.2",
                storage=open_to_all.storage,
                htpasswd=htpasswd,
                tls=authority.issue("127.0.0.2"),
            )
        )
        yield Internet(
            ghcr=ghcr,
            hub=hub,
            hub_tokens=hub_tokens,
            google=google,
            basic=basic,
            authority=authority,
            storage=open_to_all.storage,
            names={
                "ghcr.io": ghcr.address,
                "registry-1.docker.io": hub.address,
                "auth.docker.io": hub_tokens.address,
                GAR: google.address,
            },
        )


@pytest.fixture
def online(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Internet]:
    """Make the names of the registries known for a test."""
    for server in (
        internet.ghcr,
        internet.hub,
        internet.hub_tokens,
        internet.google,
    ):
        server.seen.clear()
    with resolving(monkeypatch, internet.names):
        yield internet


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def config(path: Path, document: object) -> Environ:
    """Write docker's configuration; return the environment that names it."""
    (path / "config.json").write_text(json.dumps(document))
    return {"DOCKER_CONFIG": str(path)}


def helper(path: Path, name: str, user: str, secret: str) -> Environ:
    """Make a credential helper that knows one login, and logs its use."""
    program = path / f"docker-credential-{name}"
    answer = json.dumps({"Username": user, "Secret": secret})
    program.write_text(
        f'#!/bin/sh\nread -r host\necho "$1 $host" >> {path}/asked\n'
        f'case "$host" in unknown*)\n'
        "echo credentials not found in native keychain; exit 1;; esac\n"
        f"echo '{answer}'\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{path}:/usr/bin:/bin"}


def look(
    authority: Authority,
    environ: Mapping[str, str],
    name: str,
    tag: str = "1",
    *,
    clock: FakeClock | None = None,
) -> ImageReport:
    """Look once, as a fresh process would."""
    bundle = {"REQUESTS_CA_BUNDLE": str(authority.bundle)}
    with closing(
        OciRegistry(environ={**bundle, **environ}, clock=clock or FakeClock())
    ) as registry:
        report = registry.look(Image(name=name, tag=tag))
    for secret in (SECRET, GITHUB_TOKEN, GOOGLE_TOKEN, ADA):
        assert secret not in repr(report)
    return report


# -- Every way to log in, in every kind of registry -------------------------


def by_auth(path: Path, host: str) -> Environ:
    return config(path, {"auths": {host: {"auth": ADA}}})


def by_password(path: Path, host: str) -> Environ:
    entry = {"username": "ada", "password": SECRET}
    host = host.removeprefix("https://").partition("/")[0]
    return config(path, {"auths": {f"https://{host}/v2/": entry}})


def by_helper(path: Path, host: str) -> Environ:
    settings = {
        "credHelpers": {host: "mine"},
        "credsStore": "not-asked",
        "auths": {host: {"auth": "d3Jvbmc6d3Jvbmc="}},
    }
    return {**config(path, settings), **helper(path, "mine", "ada", SECRET)}


def by_store(path: Path, host: str) -> Environ:
    settings = {"credsStore": "mine", "auths": {host: {}}}
    return {**config(path, settings), **helper(path, "mine", "ada", SECRET)}


def by_identity_token(path: Path, host: str) -> Environ:
    token = TokenService.identity_token
    entry = {"auth": "YWRhOg==", "identitytoken": token}
    return config(path, {"auths": {host: entry}})


def by_helper_with_token(path: Path, host: str) -> Environ:
    token = TokenService.identity_token
    settings = {"credHelpers": {host: "mine"}}
    return {
        **config(path, settings),
        **helper(path, "mine", "<token>", token),
    }


WAYS = [by_auth, by_password, by_helper, by_store]
TOKEN_WAYS = [*WAYS, by_identity_token, by_helper_with_token]


@needs_registry
class TestTokens:
    """A token service, as GitHub and Docker Hub have them."""

    @pytest.mark.parametrize("host", ["ghcr.io", "docker.io"])
    def test_anonymous(self, online: Internet, host: str) -> None:
        def state(name: str, tag: str) -> str:
            return look(online.authority, {}, f"{host}/{name}", tag).state

        assert state("library/public", "1") == "present"
        assert state("library/public", "2") == "absent"
        assert state("library/private", "1") == "unknown"

    @pytest.mark.parametrize("way", TOKEN_WAYS)
    @pytest.mark.parametrize("host", ["ghcr.io", "docker.io"])
    def test_with_credentials(
        self,
        online: Internet,
        tmp_path: Path,
        host: str,
        way: Callable[[Path, str], Environ],
    ) -> None:
        key = "https://index.docker.io/v1/" if host == "docker.io" else host
        environ = way(tmp_path, key)
        name = f"{host}/library/private"
        report = look(online.authority, environ, name)
        assert (report.state, report.needs_credentials) == ("present", True)
        report = look(online.authority, environ, name, "2")
        assert report.state == "absent"

    def test_public_needs_no_credentials(
        self, online: Internet, tmp_path: Path
    ) -> None:
        """What anyone may see is asked for as anyone, in three requests."""
        environ = {
            **by_store(tmp_path, "ghcr.io"),
            "GITHUB_TOKEN": GITHUB_TOKEN,
        }
        report = look(online.authority, environ, "ghcr.io/public")
        assert (report.state, report.needs_credentials) == ("present", False)
        assert online.ghcr.summary == [
            "- GET /v2/public/manifests/1",
            "- GET /token",
            "Bearer GET /v2/public/manifests/1",
        ]
        assert not (tmp_path / "asked").exists()

    def test_private_later(self, online: Internet, tmp_path: Path) -> None:
        """A private image takes more requests once, and then one."""
        environ = by_auth(tmp_path, "ghcr.io")
        bundle = {"REQUESTS_CA_BUNDLE": str(online.authority.bundle)}
        clock = FakeClock()
        with closing(
            OciRegistry(environ={**bundle, **environ}, clock=clock)
        ) as r:
            image = Image(name="ghcr.io/private", tag="1")
            assert r.look(image).state == "present"
            # The last two make sure that it is really hidden.
            assert online.ghcr.summary == [
                "- GET /v2/private/manifests/1",
                "- GET /token",
                "Basic GET /token",
                "Bearer GET /v2/private/manifests/1",
                "- GET /token",
                "- HEAD /v2/private/manifests/1",
                "- GET /token",
            ]
            online.ghcr.seen.clear()
            assert r.look(image).needs_credentials
            assert online.ghcr.summary == [
                "Bearer HEAD /v2/private/manifests/1"
            ]
            # Its token lives for 300 s.
            clock.sleep(291)
            online.ghcr.seen.clear()
            assert r.look(image).state == "present"
            assert online.ghcr.summary == [
                "Basic GET /token",
                "Bearer HEAD /v2/private/manifests/1",
            ]

    @pytest.mark.parametrize("host", ["ghcr.io", "docker.io"])
    def test_wrong_password(
        self, online: Internet, tmp_path: Path, host: str
    ) -> None:
        auth = base64.b64encode(b"ada:wrong").decode()
        environ = config(tmp_path, {"auths": {host: {"auth": auth}}})
        report = look(online.authority, environ, f"{host}/library/private")
        assert report.state == "unknown"
        assert "nor with docker's config.json" in str(report.reason)

    def test_google(self, online: Internet, tmp_path: Path) -> None:
        environ = {
            **config(tmp_path, {"credHelpers": {GAR: "gcloud"}}),
            **helper(tmp_path, "gcloud", "oauth2accesstoken", GOOGLE_TOKEN),
        }
        report = look(online.authority, environ, f"{GAR}/private")
        assert (report.state, report.needs_credentials) == ("present", True)
        assert look(
            online.authority, environ, f"{GAR}/private", "2"
        ).state == ("absent")
        assert look(online.authority, {}, f"{GAR}/private").state == "unknown"
        assert (tmp_path / "asked").read_text() == f"get {GAR}\n" * 2


@needs_registry
class TestGitHubToken:
    @pytest.mark.parametrize("variable", ["GH_TOKEN", "GITHUB_TOKEN"])
    def test_github(self, online: Internet, variable: str) -> None:
        environ = {variable: GITHUB_TOKEN}
        report = look(online.authority, environ, "ghcr.io/private")
        assert (report.state, report.needs_credentials) == ("present", True)
        used = [i for i in online.ghcr.summary if i.startswith("Basic")]
        assert used == ["Basic GET /token"]
        assert online.ghcr.summary[0].startswith("- GET")

    def test_order(self, online: Internet) -> None:
        environ = {"GH_TOKEN": GITHUB_TOKEN, "GITHUB_TOKEN": "ghp_wrong"}
        report = look(online.authority, environ, "ghcr.io/private")
        assert report.state == "present"

    def test_for_github_alone(self, online: Internet, tmp_path: Path) -> None:
        environ = {"GITHUB_TOKEN": GITHUB_TOKEN}
        for name in ("docker.io/library/private", f"{GAR}/private"):
            assert look(online.authority, environ, name).state == "unknown"
        for server in (online.hub, online.hub_tokens, online.google):
            assert server.seen
            for exchange in server.seen:
                kind = exchange.headers.get("Authorization", "-")
                assert not kind.startswith("Basic")

    def test_of_another_server(self, online: Internet) -> None:
        """A token of GitHub Enterprise Server isn't shown to ghcr.io."""
        environ = {
            "GITHUB_TOKEN": GITHUB_TOKEN,
            "GITHUB_SERVER_URL": "https://ghes.example",
        }
        report = look(online.authority, environ, "ghcr.io/private")
        assert report.state == "unknown"
        assert not [i for i in online.ghcr.summary if i.startswith("Basic")]
        assert Credentials(environ).of("containers.ghes.example")

    def test_fine_grained(self, online: Internet) -> None:
        environ = {"GITHUB_TOKEN": "github_pat_0123"}
        report = look(online.authority, environ, "ghcr.io/private")
        assert "takes no fine-grained token" in str(report.reason)
        assert "github_pat_0123" not in str(report)

    def test_not_for_a_service_elsewhere(
        self, online: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """GitHub's token stays at GitHub's registry, others go as told."""
        challenge = 'Bearer realm="https://auth.docker.io/token",service="x"'
        answer = Answer(401, {"WWW-Authenticate": challenge})
        with Scripted(
            host="127.0.0.2",
            tls=online.authority.issue("ghcr.io"),
            answers=[answer],
        ) as server:
            names = {**online.names, "ghcr.io": server.address}
            with resolving(monkeypatch, names):
                environ = {"GITHUB_TOKEN": GITHUB_TOKEN}
                report = look(online.authority, environ, "ghcr.io/private")
                assert report.state == "unknown"
                seen = [*server.seen, *online.hub_tokens.seen]
                for exchange in seen:
                    kind = exchange.headers.get("Authorization", "-")
                    assert not kind.startswith("Basic")
                online.hub_tokens.seen.clear()
                environ = by_auth(tmp_path, "ghcr.io")
                look(online.authority, environ, "ghcr.io/private")
        sent = [e.headers.get("Authorization") for e in online.hub_tokens.seen]
        assert f"Basic {ADA}" in sent


@needs_registry
class TestBasic:
    @pytest.mark.parametrize("way", WAYS)
    def test_with_credentials(
        self,
        online: Internet,
        tmp_path: Path,
        way: Callable[[Path, str], Environ],
    ) -> None:
        host = online.basic.address
        environ = way(tmp_path, host)
        report = look(online.authority, environ, f"{host}/private")
        assert (report.state, report.needs_credentials) == ("present", True)
        report = look(online.authority, environ, f"{host}/private", "2")
        assert report.state == "absent"

    def test_anonymous(self, online: Internet) -> None:
        host = online.basic.address
        report = look(online.authority, {}, f"{host}/public")
        assert report.state == "unknown"
        assert f"docker login {host}" in str(report.reason)

    def test_wrong_password(self, online: Internet, tmp_path: Path) -> None:
        host = online.basic.address
        auth = base64.b64encode(b"ada:wrong").decode()
        environ = config(tmp_path, {"auths": {host: {"auth": auth}}})
        report = look(online.authority, environ, f"{host}/private")
        assert report.state == "unknown"


SHAPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "empty": ("absent", ()),
    "attested": ("absent", ()),
    "variants": (
        "present",
        ("linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/amd64"),
    ),
    "umoci-oci": ("present", ("linux/arm/v7",)),
    "umoci-docker": ("present", ("linux/arm64",)),
    "nothing": ("absent", ()),
}
"""What is found of each image: its state and its platforms."""


@pytest.fixture(scope="module")
def shapes(
    internet: Internet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Push images of other tools and shapes, each named by its shape."""
    path = tmp_path_factory.mktemp("shapes")

    def run(*words: str) -> None:
        subprocess.run(
            words,
            check=True,
            capture_output=True,
            cwd=path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(path)},
        )

    with RealRegistry(
        path=path / "open", storage=internet.storage
    ) as registry:
        push = Pusher(registry.url)
        told = ("linux/arm/v6", "linux/arm", "linux/aarch64", "linux/x86_64")
        attestation = push.image("attested", platform="unknown/unknown")
        for name, manifests in (
            ("empty", []),
            ("attested", [attestation]),
            ("variants", [push.image("variants", platform=p) for p in told]),
        ):
            push.manifest(
                name,
                {
                    "schemaVersion": 2,
                    "mediaType": OCI_INDEX,
                    "manifests": manifests,
                },
                media_type=OCI_INDEX,
                tag="1",
            )
        run("umoci", "init", "--layout", "made")
        for name, form, architecture in (
            ("umoci-oci", "oci", "arm"),
            ("umoci-docker", "v2s2", "arm64"),
        ):
            run("umoci", "new", "--image", f"made:{name}")
            run(
                *("umoci", "config", "--image", f"made:{name}"),
                *("--os", "linux", "--architecture", architecture),
            )
            run(
                *("skopeo", "--insecure-policy", "copy", f"--format={form}"),
                *("--dest-tls-verify=false", f"oci:made:{name}"),
                f"docker://{registry.address}/{name}:1",
            )


@needs_registry
@needs_skopeo
@needs_umoci
@pytest.mark.usefixtures("shapes")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["tokens", "htpasswd"])
def test_shapes(
    online: Internet, tmp_path: Path, kind: str, shape: str
) -> None:
    """What others made, behind each kind of login, is told as it is."""
    host = "ghcr.io" if kind == "tokens" else online.basic.address
    environ = by_auth(tmp_path, host)
    report = look(online.authority, environ, f"{host}/{shape}")
    assert (report.state, report.platforms) == SHAPES[shape]
    if shape in {"empty", "attested"}:
        assert report.reason == "the index at this tag holds no image"
    # Strangers are told nothing of it.
    assert look(online.authority, {}, f"{host}/{shape}").state == "unknown"


@needs_registry
class TestTls:
    def test_not_trusted(self, online: Internet, tmp_path: Path) -> None:
        other = Authority(tmp_path)
        report = look(other, {}, "ghcr.io/public")
        assert report.state == "unknown"
        assert "certificate of ghcr.io is not" in str(report.reason)
        assert online.ghcr.seen == []

    def test_of_another_name(
        self, online: Internet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = {"ghcr.io": online.hub.address}
        with resolving(monkeypatch, names):
            report = look(online.authority, {}, "ghcr.io/public")
        assert report.state == "unknown"
        assert "certificate of ghcr.io" in str(report.reason)

    def test_no_bundle(self, online: Internet) -> None:
        environ = {"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}
        report = look(online.authority, environ, "ghcr.io/public")
        assert report.state == "unknown"
        assert "REQUESTS_CA_BUNDLE names no certificates" in str(report.reason)

    def test_not_tls(
        self, online: Internet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Scripted(answers=[Answer(200, {}, INDEX)]) as server:
            with resolving(monkeypatch, {"a.example": server.address}):
                report = look(online.authority, {}, "a.example/public")
        assert report.state == "unknown"


# -- What hostile registries try --------------------------------------------


class TestRedirects:
    """No credential goes to another host."""

    def test_to_another_host(
        self,
        authority: Authority,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def respond(exchange: Exchange) -> Answer:
            if "Authorization" not in exchange.headers:
                return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
            return Answer(307, {"Location": "https://evil.example/x"})

        # The other one asks as well, as if that were its right.
        realm = 'Bearer realm="https://evil.example/token"'
        ask = Answer(401, {"WWW-Authenticate": realm})
        with (
            Scripted(
                host="127.0.0.2",
                tls=authority.issue("a.example"),
                respond=respond,
            ) as server,
            Scripted(
                host="127.0.0.2",
                tls=authority.issue("evil.example"),
                answers=[ask],
            ) as evil,
            resolving(
                monkeypatch,
                {"a.example": server.address, "evil.example": evil.address},
            ),
        ):
            environ = by_auth(tmp_path, "a.example")
            report = look(authority, environ, "a.example/app")
            assert report.state == "unknown"
            assert f"Basic {ADA}" in [
                e.headers.get("Authorization") for e in server.seen
            ]
            assert evil.seen
            for exchange in evil.seen:
                assert "Authorization" not in exchange.headers
                assert ADA not in str(exchange)

    def test_found_elsewhere(self, authority: Authority) -> None:
        """A redirect is followed, without credentials."""
        with Scripted(answers=[Answer(200, {}, INDEX)]) as storage:
            to = {"Location": f"{storage.url}/blob?signed=1"}
            with Scripted(answers=[Answer(307, to)]) as server:
                report = look(authority, {}, f"{server.address}/app")
        assert report.state == "present"

    def test_absent_elsewhere(self, authority: Authority) -> None:
        """Only the registry itself can say that something is absent."""
        body = b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
        with Scripted(answers=[Answer(404, {}, body)]) as storage:
            to = {"Location": f"{storage.url}/blob"}
            with Scripted(answers=[Answer(307, to)]) as server:
                report = look(authority, {}, f"{server.address}/app")
        assert report.state == "unknown"

    def test_to_plain_http(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Scripted(answers=[Answer(200, {}, INDEX)]) as local:
            to = {"Location": local.url}
            with (
                Scripted(
                    host="127.0.0.2",
                    tls=authority.issue("a.example"),
                    answers=[Answer(307, to)],
                ) as server,
                resolving(monkeypatch, {"a.example": server.address}),
            ):
                report = look(authority, {}, "a.example/app")
            assert report.state == "unknown"
            assert "without encryption" in str(report.reason)
            assert local.seen == []

    def test_of_a_token_request(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        """The body of a POST holds a secret, so it isn't sent on."""
        with Scripted(answers=[Answer(200)]) as evil:

            def respond(exchange: Exchange) -> Answer:
                if exchange.path == "/token":
                    return Answer(307, {"Location": f"{evil.url}/token"})
                if exchange.path.startswith("/token"):
                    return Answer(401)
                realm = f'Bearer realm="{server.url}/token"'
                return Answer(401, {"WWW-Authenticate": realm})

            with Scripted(respond=respond) as server:
                environ = by_identity_token(tmp_path, server.address)
                report = look(authority, environ, f"{server.address}/app")
            assert report.state == "unknown"
            assert "it redirects what was sent" in str(report.reason)
            assert evil.seen == []


class TestHidden:
    """Some registries say "no such name" of what they don't show."""

    def test_hidden(self, authority: Authority, tmp_path: Path) -> None:
        unknown = b'{"errors": [{"code": "NAME_UNKNOWN"}]}'
        mark = {"Docker-Distribution-Api-Version": "registry/2.0"}
        pushed: list[str] = []

        def respond(exchange: Exchange) -> Answer:
            header = exchange.headers.get("Authorization", "")
            if exchange.path.startswith("/token"):
                token = "adas" if header == f"Basic {ADA}" else "anyones"
                return Answer(body=json.dumps({"token": token}).encode())
            if not header:
                realm = f'Bearer realm="{server.url}/token"'
                return Answer(401, {"WWW-Authenticate": realm})
            if pushed and header == "Bearer adas":
                return Answer(200, mark, INDEX)
            return Answer(404, mark, unknown)

        with Scripted(respond=respond) as server:
            environ = by_auth(tmp_path, server.address)
            with closing(
                OciRegistry(environ=environ, clock=FakeClock())
            ) as registry:
                image = Image(name=f"{server.address}/app", tag="1")
                assert registry.look(image).state == "absent"
                assert registry.look(image).state == "absent"
                pushed.append("1")
                report = registry.look(image)
        assert (report.state, report.needs_credentials) == ("present", True)


class TestUnasked:
    """Some registries answer "no such thing" without asking for a name."""

    @staticmethod
    def serve(challenge: str | None) -> Callable[[Exchange], Answer]:
        mark = {"Docker-Distribution-Api-Version": "registry/2.0"}
        absent = b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'

        def respond(exchange: Exchange) -> Answer:
            header = exchange.headers.get("Authorization", "")
            if exchange.path == "/v2/" and challenge and not header:
                return Answer(401, {"WWW-Authenticate": challenge})
            if exchange.path == "/v2/app/manifests/1" and (
                header == f"Basic {ADA}"
            ):
                return Answer(200, mark, INDEX)
            if header and header != f"Basic {ADA}":
                return Answer(401, {"WWW-Authenticate": "Basic"})
            return Answer(404, mark, absent)

        return respond

    def test_private(self, authority: Authority, tmp_path: Path) -> None:
        with Scripted(respond=self.serve("Basic")) as server:
            name = f"{server.address}/app"
            environ = by_auth(tmp_path, server.address)
            report = look(authority, environ, name)
            assert (report.state, report.needs_credentials) == (
                "present",
                True,
            )
            # Whom it knows, it tells the truth.
            assert look(authority, environ, name, "2").state == "absent"

    def test_not_told_apart(self, authority: Authority) -> None:
        with Scripted(respond=self.serve("Basic")) as server:
            report = look(authority, {}, f"{server.address}/app")
        assert report.state == "unknown"
        assert str(report.reason).endswith(
            f"(docker login {server.address}): it is private, or not there"
        )

    def test_wrong_password(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        with Scripted(respond=self.serve("Basic")) as server:
            entry = {"username": "ada", "password": "wrong"}
            environ = config(tmp_path, {"auths": {server.address: entry}})
            report = look(authority, environ, f"{server.address}/app")
        assert report.state == "unknown"
        assert "nor with docker's config.json" in str(report.reason)

    def test_open_to_anyone(self, authority: Authority) -> None:
        with Scripted(respond=self.serve(None)) as server:
            report = look(authority, {}, f"{server.address}/app")
            assert report.state == "absent"
            paths = [e.path for e in server.seen]
        assert paths == ["/v2/app/manifests/1", "/v2/"]


class TestTokenServices:
    @pytest.mark.parametrize(
        "realm",
        [
            "http://127.0.0.1:{port}/token",
            "http://evil.example/token",
            "file:///etc/passwd",
            "https://",
            "https://[/token",
            "https://user:pass@evil.example/token",
            "token",
        ],
    )
    def test_insecure(
        self,
        authority: Authority,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        realm: str,
    ) -> None:
        with Scripted(answers=[Answer(200, {}, b'{"token": "x"}')]) as local:
            port = local.address.partition(":")[2]
            realm = realm.replace("{port}", port)
            challenge = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
            with (
                Scripted(
                    host="127.0.0.2",
                    tls=authority.issue("a.example"),
                    answers=[Answer(401, challenge)],
                ) as server,
                resolving(
                    monkeypatch,
                    {
                        "a.example": server.address,
                        "evil.example": local.address,
                    },
                ),
            ):
                environ = by_auth(tmp_path, "a.example")
                report = look(authority, environ, "a.example/app")
            assert report.state == "unknown"
            assert local.seen == []

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(200, {}, b"<html>"), "sent no token"),
            (Answer(200, {}, b"[]"), "sent no token"),
            (Answer(200, {}, b'{"token": 5}'), "sent no token"),
            (Answer(200, {}, b'{"token": "a\\r\\nb: c"}'), "sent no token"),
            (Answer(200, {}, b'{"token": ""}'), "sent no token"),
            (Answer(200, {}, b" " * 300_000), "sent no token"),
            (Answer(500), "answered 500"),
            (Answer(429), "answered 429"),
            (Answer(401), "does not show it anonymously"),
            (Answer(403), "does not show it anonymously"),
        ],
    )
    def test_unusable(
        self, authority: Authority, answer: Answer, reason: str
    ) -> None:
        def respond(exchange: Exchange) -> Answer:
            if exchange.path.startswith("/token"):
                return answer
            realm = f'Bearer realm="{server.url}/token",service="a, b"'
            return Answer(401, {"WWW-Authenticate": realm})

        with Scripted(respond=respond) as server:
            report = look(authority, {}, f"{server.address}/app")
        assert report.state == "unknown"
        assert reason in str(report.reason)

    @pytest.mark.parametrize(
        ("answer", "lives"),
        [
            ({"token": "t"}, 60),
            ({"access_token": "t"}, 60),
            ({"token": "t", "expires_in": 300}, 300),
            ({"token": "t", "expires_in": 5}, 60),
            ({"token": "t", "expires_in": -1}, 60),
            ({"token": "t", "expires_in": "300"}, 60),
            ({"token": "t", "expires_in": 10**30}, 60),
        ],
    )
    def test_lifetime(self, answer: dict[str, Any], lives: int) -> None:
        def respond(exchange: Exchange) -> Answer:
            if exchange.path.startswith("/token"):
                return Answer(200, {}, json.dumps(answer).encode())
            if exchange.headers.get("Authorization") == "Bearer t":
                return Answer(200, {}, INDEX)
            realm = f'Bearer realm="{server.url}/token"'
            return Answer(401, {"WWW-Authenticate": realm})

        clock = FakeClock()
        with (
            Scripted(respond=respond) as server,
            closing(OciRegistry(environ={}, clock=clock)) as registry,
        ):
            image = Image(name=f"{server.address}/app", tag="1")
            assert registry.look(image).state == "present"

            def tokens() -> int:
                return sum(e.path.startswith("/token") for e in server.seen)

            clock.sleep(lives - 11)
            registry.look(image)
            assert tokens() == 1
            clock.sleep(2)
            registry.look(image)
            assert tokens() == 2

    def test_revoked_early(self) -> None:
        """A token that is refused before its time is replaced."""
        good = ["t1"]

        def respond(exchange: Exchange) -> Answer:
            if exchange.path.startswith("/token"):
                return Answer(200, {}, json.dumps({"token": good[0]}).encode())
            if exchange.headers.get("Authorization") == f"Bearer {good[0]}":
                return Answer(200, {}, INDEX)
            realm = f'Bearer realm="{server.url}/token"'
            return Answer(401, {"WWW-Authenticate": realm})

        with (
            Scripted(respond=respond) as server,
            closing(OciRegistry(environ={}, clock=FakeClock())) as registry,
        ):
            image = Image(name=f"{server.address}/app", tag="1")
            assert registry.look(image).state == "present"
            good[0] = "t2"
            assert registry.look(image).state == "present"

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            (None, "repository:owner/app:pull"),
            ("repository:owner/app:pull", "repository:owner/app:pull"),
            ("repository:proxy/app:pull", "repository:proxy/app:pull"),
            ("repository:owner/app:pull,push", "repository:owner/app:pull"),
            ("repository:owner/app:*", "repository:owner/app:pull"),
            ("registry:catalog:*", "repository:owner/app:pull"),
            ("aws", "aws"),
        ],
    )
    def test_scope(
        self, authority: Authority, asked: str | None, expected: str
    ) -> None:
        def respond(exchange: Exchange) -> Answer:
            if exchange.path.startswith("/token"):
                return Answer(401)
            challenge = f'Bearer realm="{server.url}/token?a=b",service="s s"'
            if asked is not None:
                challenge += f',scope="{asked}"'
            return Answer(401, {"WWW-Authenticate": challenge})

        with Scripted(respond=respond) as server:
            look(authority, {}, f"{server.address}/owner/app")
            assert server.seen[1].query == {
                "a": ["b"],
                "service": ["s s"],
                "scope": [expected],
            }

    def test_limited_to_strangers(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        """Who may ask no more anonymously logs in."""

        def respond(exchange: Exchange) -> Answer:
            if "Authorization" in exchange.headers:
                return Answer(200, {}, INDEX)
            if exchange.method == "GET" and len(server.seen) > 1:
                return Answer(401, {"WWW-Authenticate": "Basic"})
            return Answer(429)

        with Scripted(respond=respond) as server:
            environ = by_auth(tmp_path, server.address)
            report = look(authority, environ, f"{server.address}/app")
        assert report.state == "present"

    @pytest.mark.parametrize("status", [429, 500])
    def test_refuses_strangers_just_now(
        self, authority: Authority, tmp_path: Path, status: int
    ) -> None:
        """Stored credentials are tried, whatever strangers were told."""

        def respond(exchange: Exchange) -> Answer:
            header = exchange.headers.get("Authorization", "")
            if exchange.path.startswith("/token"):
                if header == f"Basic {ADA}":
                    return Answer(body=b'{"token": "adas"}')
                return Answer(status, {"Retry-After": "900"})
            if header == "Bearer adas":
                return Answer(200, {}, INDEX)
            realm = f'Bearer realm="{server.url}/token"'
            return Answer(401, {"WWW-Authenticate": realm})

        with Scripted(respond=respond) as server:
            environ = by_auth(tmp_path, server.address)
            name = f"{server.address}/app"
            assert look(authority, environ, name).state == "present"
            report = look(authority, {}, name)
        assert report.state == "unknown"
        assert f"answered {status}" in str(report.reason)
        assert report.retry_after == 900


# -- Credentials ------------------------------------------------------------


class TestCredentials:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{",
            '{"auths": []}',
            '{"auths": {"a.example": 5}}',
            '{"auths": {"a.example": {"auth": "%%%"}}}',
            '{"credHelpers": 5, "credsStore": 5}',
            '{"credHelpers": {"a.example": "../../evil"}}',
            '{"credHelpers": {"a.example": "not-installed"}}',
        ],
    )
    def test_malformed(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "config.json").write_text(text)
        credentials = Credentials({"DOCKER_CONFIG": str(tmp_path)})
        assert credentials.of("a.example") == ()

    def test_helper_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A helper is a program on the path, not one in a directory here."""
        (tmp_path / "docker-credential-x").mkdir()
        helper(tmp_path, "evil", "ada", SECRET)
        monkeypatch.chdir(tmp_path)
        settings = {"credsStore": "x/../docker-credential-evil"}
        environ = {**config(tmp_path, settings), "PATH": "/usr/bin:/bin"}
        assert Credentials(environ).of("a.example") == ()

    def test_helper_in_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may be a checkout of anybody's, whatever the path says."""
        helper(tmp_path, "evil", "ada", SECRET)
        monkeypatch.chdir(tmp_path)
        settings = config(tmp_path, {"credsStore": "evil"})
        for path in (".", "./", "", f"../{tmp_path.name}", ":/usr/bin:"):
            environ = {**settings, "PATH": f"{path}:/usr/bin:/bin"}
            assert Credentials(environ).of("a.example") == ()
        assert not (tmp_path / "asked").exists()

    def test_environment_of_a_helper(self, tmp_path: Path) -> None:
        """It has its own credentials, and none of GitHub's tokens."""
        program = tmp_path / "docker-credential-mine"
        program.write_text(f"#!/bin/sh\nenv > {tmp_path}/environ\n")
        program.chmod(0o755)
        tokens = dict.fromkeys(
            ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN"), GITHUB_TOKEN
        )
        environ = {
            **config(tmp_path, {"credsStore": "mine"}),
            **tokens,
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        Credentials(environ).of("a.example")
        given = (tmp_path / "environ").read_text()
        assert f"AWS_SECRET_ACCESS_KEY={SECRET}\n" in given
        assert GITHUB_TOKEN not in given

    def test_home(self, tmp_path: Path) -> None:
        (tmp_path / ".docker").mkdir()
        by_auth(tmp_path / ".docker", "a.example")
        assert Credentials({"HOME": str(tmp_path)}).of("a.example")
        assert not Credentials({"HOME": str(tmp_path)}).of("b.example")
        assert not Credentials({}).of("a.example")

    @pytest.mark.parametrize(
        ("script", "problem"),
        [
            ("exit 3", "failed with status 3"),
            ("echo nonsense", "gave no usable answer"),
            ("echo '{}'", "gave no usable answer"),
            ('echo \'{"Username": 1, "Secret": 2}\'', "no usable answer"),
        ],
    )
    def test_broken_helper(
        self, tmp_path: Path, script: str, problem: str
    ) -> None:
        program = tmp_path / "docker-credential-mine"
        program.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
        program.chmod(0o755)
        environ = {
            **config(tmp_path, {"credsStore": "mine"}),
            "PATH": f"{tmp_path}:/usr/bin:/bin",
        }
        credentials = Credentials(environ)
        assert credentials.of("a.example") == ()
        assert problem in credentials.problems["a.example"]

    def test_problem_is_told(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        with Scripted(answers=[Answer(403)]) as server:
            settings = {"credHelpers": {server.address: "not-installed"}}
            environ = config(tmp_path, settings)
            report = look(authority, environ, f"{server.address}/app")
        assert "docker-credential-not-installed is not installed" in str(
            report.reason
        )

    def test_helper_knows_nothing(self, tmp_path: Path) -> None:
        settings = {
            "credsStore": "mine",
            "auths": {"unknown.example": {"auth": ADA}},
        }
        environ = {
            **config(tmp_path, settings),
            **helper(tmp_path, "mine", "bob", "x"),
        }
        credentials = Credentials(environ)
        (credential,) = credentials.of("unknown.example")
        assert credential.username == "ada"
        assert credentials.problems == {}

    @pytest.mark.parametrize(
        ("place", "variable", "value"),
        [
            ("run/containers/auth.json", "XDG_RUNTIME_DIR", "run"),
            ("home/.config/containers/auth.json", "HOME", "home"),
            ("conf/containers/auth.json", "XDG_CONFIG_HOME", "conf"),
            ("anywhere.json", "REGISTRY_AUTH_FILE", "anywhere.json"),
        ],
    )
    def test_podman(
        self, tmp_path: Path, place: str, variable: str, value: str
    ) -> None:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"auths": {"a.example": {"auth": ADA}}}))
        environ = {variable: str(tmp_path / value)}
        (credential,) = Credentials(environ).of("a.example", "org/app")
        assert credential.username == "ada"
        assert variable in credential.source or "podman" in credential.source
        assert Credentials(environ).stored() == (SECRET,)

    def test_part_of_a_registry(self, tmp_path: Path) -> None:
        entries = {
            name: {"username": name, "password": SECRET}
            for name in (
                "quay.io",
                "quay.io/org",
                "quay.io/org/app",
                "quay.io/other",
                "docker.io/library",
                "b.example/other",
            )
        }
        credentials = Credentials(config(tmp_path, {"auths": entries}))

        def user(host: str, repository: str) -> str:
            return "".join(
                c.username for c in credentials.of(host, repository)
            )

        assert user("quay.io", "org/app") == "quay.io/org/app"
        assert user("quay.io", "org/more") == "quay.io/org"
        assert user("quay.io", "organ/more") == "quay.io"
        assert user("docker.io", "library/python") == "docker.io/library"
        assert user("docker.io", "lsst/app") == ""
        # The credentials of one part are not for another.
        assert user("b.example", "org/app") == ""

    def test_order_of_files(self, tmp_path: Path) -> None:
        by_auth(tmp_path, "a.example")
        (tmp_path / "containers").mkdir()
        entry = {"username": "eve", "password": "x"}
        auth = {"auths": {"a.example": entry}}
        (tmp_path / "containers/auth.json").write_text(json.dumps(auth))
        environ = {
            "DOCKER_CONFIG": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
        }
        found = Credentials(environ).of("a.example")
        assert [c.username for c in found] == ["ada", "eve"]

    def test_secrets_do_not_show(self) -> None:
        credential = Credential(
            source="here",
            username="ada",
            password=SECRET,
            identity_token=SECRET,
            registry_token=SECRET,
        )
        assert SECRET not in f"{credential} {credential!r}"


class TestChallenges:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("", []),
            ("Basic", [("basic", {})]),
            ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
            (
                'Bearer realm="https://a/t",service="s",scope="r:a:pull,push"',
                [
                    (
                        "bearer",
                        {
                            "realm": "https://a/t",
                            "service": "s",
                            "scope": "r:a:pull,push",
                        },
                    )
                ],
            ),
            (
                "BEARER Realm=https://a/t , Service = s",
                [("bearer", {"realm": "https://a/t", "service": "s"})],
            ),
            (
                'Negotiate, Basic realm="x", Bearer realm="y"',
                [
                    ("negotiate", {}),
                    ("basic", {"realm": "x"}),
                    ("bearer", {"realm": "y"}),
                ],
            ),
            (
                'NTLM TlRMTVNTUAAC==, Basic realm="x"',
                [("ntlm", {}), ("basic", {"realm": "x"})],
            ),
            (r'Basic realm="a \"b\" c"', [("basic", {"realm": 'a "b" c'})]),
            ('Basic realm="never ends', [("basic", {"realm": ""})]),
            (',,; "x" =y', []),
            ("realm=x", []),
        ],
    )
    def test_parse(
        self, header: str, expected: list[tuple[str, dict[str, str]]]
    ) -> None:
        found = parse_challenges(header)
        if header.startswith(('Basic realm="never', ",,")):
            # Nothing sensible can be said, but it is no crash.
            assert len(found) <= 4
        else:
            assert list(found) == expected

    def test_long(self) -> None:
        """Nonsense of any length takes no time."""
        for part in ('a="', "a=", '"\\', "Basic ", ", ", "a"):
            parse_challenges(part * 100_000)


class TestHelp:
    """What ends that an image is unknown arrives with the report."""

    def test_refused(self, authority: Authority) -> None:
        with Scripted(answers=[Answer(401, {}, b"")]) as server:
            report = look(authority, {}, f"{server.address}/app")
        assert (report.help or "").endswith(f"docker login {server.address}")

    def test_not_trusted(self, authority: Authority, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        tls = Authority(tmp_path / "other").issue("127.0.0.2")
        with Scripted(host="127.0.0.2", tls=tls) as server:
            report = look(authority, {}, f"{server.address}/app")
        assert (report.help or "").startswith("REQUESTS_CA_BUNDLE names all")

    def test_captive_page(self, authority: Authority) -> None:
        """Of the registry, and of its token service."""
        page = Answer(
            200, {"Content-Type": "text/html"}, b"<html><title>Login</title>"
        )
        with Scripted(answers=[page]) as portal:
            asked = f'Bearer realm="{portal.url}/token"'
            wants = Answer(401, {"WWW-Authenticate": asked}, b"")
            with Scripted(answers=[wants]) as server:
                reports = [
                    look(authority, {}, f"{address}/app")
                    for address in (portal.address, server.address)
                ]
        for report in reports:
            assert report.reason == (
                f"{portal.address}'s answer cannot be used: it is a web page,"
                ' "Login"'
            )
            assert "in a browser" in (report.help or "")


class TestProxies:
    def test_proxy(self, authority: Authority) -> None:
        proxy = f"http://127.0.0.1:{free_port()}"
        report = look(authority, {"HTTPS_PROXY": proxy}, "a.example/app")
        address = proxy.removeprefix("http://")
        assert report.reason == f"the proxy {address} refused the connection"

    def test_no_proxy(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = f"http://127.0.0.1:{free_port()}"
        environ = {"HTTPS_PROXY": proxy, "NO_PROXY": "b.example,.example"}
        with resolving(monkeypatch, {}):
            report = look(authority, environ, "a.example/app")
        assert report.reason == "cannot resolve a.example"

    def test_not_for_loopback(self, authority: Authority) -> None:
        proxy = f"http://127.0.0.1:{free_port()}"
        with Scripted(answers=[Answer(200, {}, INDEX)]) as server:
            environ = {"http_proxy": proxy, "all_proxy": proxy}
            report = look(authority, environ, f"{server.address}/app")
        assert report.state == "present"

"""The real registry, and images to put into it.

The registry is CNCF's, from Debian's package ``docker-registry``; it runs on a
free port of loopback with its storage in a temporary directory. Logins are
Basic by an htpasswd file, or tokens of a small service here that works as
those of GitHub and Docker Hub do. TLS is by a throw-away authority.

127.0.0.2 is loopback too, but isn't one of the names that are spoken to in
plain HTTP, so that is where TLS is tried.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest
from typing_extensions import override

from .loopback import Loopback

__all__ = [
    "Answer",
    "Authority",
    "Exchange",
    "FakeClock",
    "Front",
    "Pusher",
    "RealRegistry",
    "Scripted",
    "TokenService",
    "free_port",
    "needs_registry",
    "needs_skopeo",
    "needs_umoci",
    "resolving",
]

INSTALL = "apt-get install docker-registry skopeo umoci"

needs_registry = pytest.mark.skipif(
    shutil.which("docker-registry") is None,
    reason=f"docker-registry is not installed: {INSTALL}",
)
needs_umoci = pytest.mark.skipif(
    shutil.which("umoci") is None,
    reason=f"umoci is not installed: {INSTALL}",
)
needs_skopeo = pytest.mark.skipif(
    shutil.which("skopeo") is None,
    reason=f"skopeo is not installed: {INSTALL}",
)

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as server:
        server.bind((host, 0))
        port: int = server.getsockname()[1]
        return port


# -- TLS --------------------------------------------------------------------


class Authority:
    """A throw-away certificate authority.

    Parameters
    ----------
    path
        A directory for its files.
    """

    def __init__(self, path: Path) -> None:
        import trustme

        self._path = path
        self._ca = trustme.CA()
        self.bundle = path / "ca.crt"
        self._ca.cert_pem.write_to_path(self.bundle)

    def issue(
        self, host: str, *, until: datetime | None = None
    ) -> tuple[Path, Path]:
        """Return the files of a certificate for an address and of its key."""
        issued = self._ca.issue_cert(host, not_after=until)
        certificate, key = (
            self._path / f"{host}.{kind}" for kind in ("crt", "key")
        )
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return certificate, key


# -- Small servers ----------------------------------------------------------


@dataclass(frozen=True)
class Exchange:
    """A request as a scripted server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)


@dataclass
class Answer:
    """What a scripted server answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_cut: bool = False
    """Whether the connection breaks in the middle of the body."""


class Scripted(Loopback):
    """A small HTTP server whose answers a subclass or a test gives.

    Parameters
    ----------
    host
        The address to listen on.
    tls
        Certificate and key, to speak TLS.
    respond
        Gives the answer to each request; without it ``answers`` are given in
        turn, the last one for ever.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: tuple[Path, Path] | None = None,
        respond: Callable[[Exchange], Answer] | None = None,
        answers: Sequence[Answer] = (),
    ) -> None:
        self.seen: list[Exchange] = []
        self.answers = list(answers)
        self._respond = respond
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else each answer waits for 40 ms in the kernel.
            disable_nagle_algorithm = True
            wbufsize = -1

            @override
            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                exchange = Exchange(
                    method=self.command,
                    path=self.path,
                    headers=dict(self.headers.items()),
                    body=self.rfile.read(length),
                )
                outer.seen.append(exchange)
                outer._send(self, outer.answer(exchange))

            do_HEAD = do_POST = do_GET  # noqa: N815

            @override
            def log_message(self, *args: object) -> None:
                pass

        super().__init__(Handler, host)
        if tls is not None:
            self.url = f"https://{self.address}"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(
                self.server.socket,
                server_side=True,
                do_handshake_on_connect=False,
            )

    def answer(self, exchange: Exchange) -> Answer:
        """Return what to answer."""
        if self._respond is not None:
            return self._respond(exchange)
        if len(self.answers) > 1:
            return self.answers.pop(0)
        return self.answers[0]

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "Transfer-Encoding" not in answer.headers:
            length = len(answer.body) + (100 if answer.is_cut else 0)
            handler.send_header("Content-Length", str(length))
        if answer.is_cut:
            handler.send_header("Connection", "close")
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer.body)
        handler.close_connection = answer.is_cut

    def discard(self) -> None:
        """Close a server that was never started."""
        self.server.server_close()


class TokenService(Scripted):
    """A token service as registries have them, with JWTs that they check.

    Parameters
    ----------
    path
        A directory for its files.
    users
        Passwords by name; whoever logs in may pull everything.
    public
        Names of repositories that anyone may pull.
    refuses_strangers
        Whether who may not pull gets 401, as GitHub does it, or a token
        that is good for nothing, as Docker Hub does it.
    """

    service = "test registry"
    issuer = "test issuer"
    identity_token = "identity-token-of-ada"

    def __init__(
        self,
        *,
        path: Path,
        users: Mapping[str, str] | None = None,
        public: tuple[str, ...] = (),
        refuses_strangers: bool = True,
        host: str = "127.0.0.1",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        super().__init__(host=host, tls=tls)
        self.realm = f"{self.url}/token"
        self.users = dict(users or {})
        self.public = public
        self.refuses_strangers = refuses_strangers
        self.lifetime: int | None = 300
        self.token_key = "token"
        self._key = rsa.generate_private_key(65537, 2048)
        name = x509.Name.from_rfc4514_string(f"CN={self.issuer}")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        self.bundle = path / "token.crt"
        self.bundle.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )
        self._chain = base64.b64encode(
            certificate.public_bytes(serialization.Encoding.DER)
        ).decode()

    @override
    def answer(self, exchange: Exchange) -> Answer:
        query = exchange.query
        if exchange.method == "POST":
            query = parse_qs(exchange.body.decode())
            user = None
            if query.get("refresh_token") == [self.identity_token]:
                user = "ada"
        else:
            user = self._user(exchange.headers.get("Authorization", ""))
            if user is None and "Authorization" in exchange.headers:
                return Answer(status=401)
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            may = user is not None or name in self.public
            if not may and self.refuses_strangers:
                return Answer(status=401)
            granted = actions.split(",") if may else []
            access.append({"type": kind, "name": name, "actions": granted})
        document: dict[str, Any] = {self.token_key: self.token(access)}
        if self.lifetime is not None:
            document["expires_in"] = self.lifetime
        return Answer(body=json.dumps(document).encode())

    def _user(self, header: str) -> str | None:
        kind, _, pair = header.partition(" ")
        if kind != "Basic":
            return None
        user, _, password = base64.b64decode(pair).decode().partition(":")
        return user if self.users.get(user) == password else None

    def token(self, access: list[dict[str, Any]]) -> str:
        """Return a token that the registry accepts."""
        import jwt

        now = int(time.time())
        return jwt.encode(
            {
                "iss": self.issuer,
                "sub": "",
                "aud": self.service,
                "exp": now + 300,
                "nbf": now - 60,
                "iat": now,
                "jti": "1",
                "access": access,
            },
            self._key,
            algorithm="RS256",
            headers={"x5c": [self._chain]},
        )


class Front(Scripted):
    """A server in front of the real registry, which records what passes.

    Parameters
    ----------
    backend
        The registry's address.
    tokens
        The service that answers at ``/token`` of this very server.
    """

    def __init__(
        self,
        backend: str,
        *,
        tokens: TokenService | None = None,
        host: str = "127.0.0.1",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self._backend = backend
        self._tokens = tokens

    @override
    def answer(self, exchange: Exchange) -> Answer:
        if self._tokens is not None and exchange.path.startswith(
            urlsplit(self._tokens.realm).path
        ):
            return self._tokens.answer(exchange)
        return self.forward(exchange)

    def forward(self, exchange: Exchange) -> Answer:
        """Ask the real registry."""
        connection = http.client.HTTPConnection(self._backend, timeout=10)
        try:
            connection.request(
                exchange.method,
                exchange.path,
                headers={**exchange.headers, "Host": self._backend},
            )
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        dropped = {"content-length", "transfer-encoding", "connection"}
        headers = {
            name: value
            for name, value in response.getheaders()
            if name.lower() not in dropped
        }
        return Answer(status=response.status, headers=headers, body=body)

    @property
    def summary(self) -> list[str]:
        """Each request: as whom, how, and for what."""
        return [
            " ".join(
                (
                    e.headers.get("Authorization", "-").partition(" ")[0],
                    e.method,
                    urlsplit(e.path).path,
                )
            )
            for e in self.seen
        ]


@contextlib.contextmanager
def resolving(
    monkeypatch: pytest.MonkeyPatch, names: Mapping[str, str]
) -> Iterator[None]:
    """Let names be those of servers on loopback, ports and all.

    Every other name cannot be looked up.
    """
    original = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host in names:
            host, _, port = names[host].partition(":")
        elif not str(host).startswith("127.0.0."):
            raise socket.gaierror(socket.EAI_NONAME, "Name not known")
        return original(host, int(port), *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


# -- The real registry ------------------------------------------------------


class RealRegistry:
    """CNCF's registry on a free port of loopback.

    Parameters
    ----------
    path
        A directory for its files.
    host
        The address to listen on.
    storage
        Another registry's storage, to serve the same images.
    htpasswd
        Passwords by name, for Basic.
    tokens
        The service whose tokens it takes.
    tls
        Certificate and key, to speak TLS.
    """

    def __init__(
        self,
        *,
        path: Path,
        host: str = "127.0.0.1",
        storage: Path | None = None,
        htpasswd: Path | None = None,
        tokens: TokenService | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.storage = storage or path / "storage"
        self.address = f"{host}:{free_port(host)}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        server: dict[str, Any] = {"addr": self.address}
        server["headers"] = {"X-Content-Type-Options": ["nosniff"]}
        if tls is not None:
            server["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        config: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "delete": {"enabled": True},
            },
            "http": server,
        }
        if htpasswd is not None:
            config["auth"] = {
                "htpasswd": {"realm": "a, b", "path": str(htpasswd)}
            }
        if tokens is not None:
            config["auth"] = {
                "token": {
                    "realm": tokens.realm,
                    "service": tokens.service,
                    "issuer": tokens.issuer,
                    "rootcertbundle": str(tokens.bundle),
                }
            }
        # JSON is YAML.
        self._config = path / "config.yml"
        self._config.write_text(json.dumps(config))
        self._log = path / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(self._config)],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none"},
            )
        host, _, port = self.address.partition(":")
        for _ in range(500):
            with contextlib.suppress(OSError):
                socket.create_connection((host, int(port)), 1).close()
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.__exit__()
        raise RuntimeError(self._log.read_text(errors="replace"))

    def __exit__(self, *args: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


# -- Images -----------------------------------------------------------------


@dataclass
class Pusher:
    """Puts images into a registry that lets everyone write.

    Parameters
    ----------
    url
        The registry.
    """

    url: str

    def blob(self, repository: str, body: bytes) -> str:
        """Upload a blob and return its digest."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        start = f"{self.url}/v2/{repository}/blobs/uploads/"
        location = self._send("POST", start, b"", {})["Location"]
        mark = "&" if "?" in location else "?"
        self._send(
            "PUT",
            f"{location}{mark}digest={digest}",
            body,
            {"Content-Type": "application/octet-stream"},
        )
        return digest

    def manifest(
        self,
        repository: str,
        document: Mapping[str, Any],
        *,
        media_type: str,
        tag: str | None = None,
    ) -> dict[str, Any]:
        """Upload a manifest and return its descriptor."""
        body = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._send(
            "PUT",
            f"{self.url}/v2/{repository}/manifests/{tag or digest}",
            body,
            {"Content-Type": media_type},
        )
        return {
            "mediaType": media_type,
            "digest": digest,
            "size": len(body),
        }

    def image(
        self,
        repository: str,
        *,
        platform: str = "linux/amd64",
        tag: str | None = None,
        is_docker: bool = False,
        labels: Mapping[str, str] | None = None,
        created: str = "2026-05-01T11:59:00.123456789Z",
        content: str = "layer",
    ) -> dict[str, Any]:
        """Upload an image of one platform and return its descriptor."""
        os, architecture, *variant = platform.split("/")
        config = {
            "os": os,
            "architecture": architecture,
            "created": created,
            "config": {"Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
        if variant:
            config["variant"] = variant[0]
        layer = gzip.compress(f"{content} of {platform}".encode(), mtime=0)
        body = json.dumps(config).encode()
        media_type = DOCKER_MANIFEST if is_docker else OCI_MANIFEST
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {
                "mediaType": DOCKER_CONFIG if is_docker else OCI_CONFIG,
                "digest": self.blob(repository, body),
                "size": len(body),
            },
            "layers": [
                {
                    "mediaType": DOCKER_LAYER if is_docker else OCI_LAYER,
                    "digest": self.blob(repository, layer),
                    "size": len(layer),
                }
            ],
        }
        descriptor = self.manifest(
            repository, document, media_type=media_type, tag=tag
        )
        named = {"os": os, "architecture": architecture}
        if variant:
            named["variant"] = variant[0]
        return {**descriptor, "platform": named}

    def attestation(
        self, repository: str, subject: str, *, commit: str
    ) -> dict[str, Any]:
        """Upload what buildx attests of an image; return its descriptor."""
        statement = json.dumps(
            {
                "_type": "https://in-toto.io/Statement/v0.1",
                "predicateType": "https://slsa.dev/provenance/v0.2",
                "predicate": {
                    "invocation": {
                        "configSource": {"digest": {"sha1": commit}}
                    }
                },
            }
        ).encode()
        config = b'{"os": "unknown", "architecture": "unknown"}'
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": self.blob(repository, config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.in-toto+json",
                    "digest": self.blob(repository, statement),
                    "size": len(statement),
                    "annotations": {
                        "in-toto.io/predicate-type": (
                            "https://slsa.dev/provenance/v0.2"
                        )
                    },
                }
            ],
        }
        descriptor = self.manifest(
            repository, document, media_type=OCI_MANIFEST
        )
        return {
            **descriptor,
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": subject,
            },
        }

    def index(
        self,
        repository: str,
        *,
        tag: str,
        platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64"),
        commit: str | None = None,
        is_docker: bool = False,
        labels: Mapping[str, str] | None = None,
        created: str = "2026-05-01T11:59:00.123456789Z",
        content: str = "layer",
    ) -> str:
        """Upload an index as buildx writes it; return its digest.

        With ``commit`` each image has an attestation that names it.
        """
        entries = [
            self.image(
                repository,
                platform=platform,
                is_docker=is_docker,
                labels=labels,
                created=created,
                content=content,
            )
            for platform in platforms
        ]
        if commit is not None:
            entries += [
                self.attestation(repository, e["digest"], commit=commit)
                for e in list(entries)
            ]
        media_type = DOCKER_LIST if is_docker else OCI_INDEX
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": entries,
        }
        descriptor = self.manifest(
            repository, document, media_type=media_type, tag=tag
        )
        digest: str = descriptor["digest"]
        return digest

    @staticmethod
    def _send(
        method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        request = urllib.request.Request(  # noqa: S310
            url, data=body, headers=dict(headers), method=method
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return dict(response.headers.items())

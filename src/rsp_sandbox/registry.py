"""An OCI registry to pull from: by tag and by digest, with tokens."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .accounts import Accounts, basic
from .base import History, Request, Response, View, iso

__all__ = ["Image", "Registry"]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"

_LIFE = timedelta(minutes=5)
"""How long a token of the registry is good."""

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<rest>.*)")


@dataclass(slots=True)
class Image:
    """A repository of the registry.

    ``name`` begins with the registry's host, so that one registry can stand
    for all of them.
    """

    name: str
    is_private: bool = False
    tags: History[dict[str, str]] = field(default_factory=lambda: History({}))
    manifests: dict[str, tuple[str, bytes, datetime | None]] = field(
        default_factory=dict
    )
    blobs: dict[str, bytes] = field(default_factory=dict)
    pushes: list[tuple[datetime, str, str]] = field(default_factory=list)
    """Every tag that was pushed: when, its name and its digest."""


@dataclass(slots=True)
class _Bearer:
    name: str
    is_known: bool
    expires: datetime


class Registry:
    """Images, and the distribution API in front of them.

    Parameters
    ----------
    accounts
        Whose tokens are good.
    number
        Returns the number of the next change.
    """

    def __init__(self, accounts: Accounts, number: Callable[[], int]) -> None:
        self.images: dict[str, Image] = {}
        """Repositories by name."""
        self._accounts = accounts
        self._number = number
        self._bearers: dict[str, _Bearer] = {}

    def image(self, name: str) -> Image:
        """Return a repository, made if there is none."""
        if name not in self.images:
            self.images[name] = Image(name)
        return self.images[name]

    # -- Pushes from within ----------------------------------------------

    def publish(
        self,
        name: str,
        tag: str,
        *,
        at: datetime,
        platforms: tuple[str, ...],
        attestations: bool,
        platform_tags: bool,
        labels: Mapping[str, str],
    ) -> str:
        """Push an image as SQuaRE's workflow does and return its digest.

        ``TAG-amd64`` and its like come first, then ``TAG``.
        """
        image = self.image(name)
        tag = tag.replace("/", "-")
        entries: list[dict[str, Any]] = []
        proofs: list[dict[str, Any]] = []
        for platform in platforms:
            system, _, rest = platform.partition("/")
            architecture, _, variant = rest.partition("/")
            place = {"architecture": architecture, "os": system}
            if variant:
                place["variant"] = variant
            digest, size = self._single(image, place, tag, at, labels)
            entries.append(_descriptor(MANIFEST, digest, size, place))
            one = [entries[-1]]
            if attestations:
                proof = self._attestation(image, digest)
                proofs.append(proof)
                one.append(proof)
            if platform_tags:
                content = _index(one)
                self._tag(image, f"{tag}-{architecture}{variant}", content, at)
        return self._tag(image, tag, _index(entries + proofs), at)

    def _single(
        self,
        image: Image,
        place: Mapping[str, str],
        tag: str,
        at: datetime,
        labels: Mapping[str, str],
    ) -> tuple[str, int]:
        # One build is pushed to every registry that carries the image.
        last = image.name.rpartition("/")[2]
        text = f"{last}:{tag} {place}".encode()
        layer = gzip.compress(text, mtime=0)
        config: dict[str, Any] = {
            "created": iso(at),
            **place,
            "config": {"Env": ["PATH=/usr/bin"], "Cmd": ["start"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(text).hexdigest()],
            },
            "history": [{"created": iso(at), "created_by": "sandbox"}],
        }
        if labels:
            config["config"]["Labels"] = dict(labels)
        layers = "application/vnd.oci.image.layer.v1.tar+gzip"
        blob = self._blob(image, layers, layer)
        return self._build(image, config, blob, at)

    def _build(
        self,
        image: Image,
        config: Mapping[str, Any],
        layer: dict[str, Any],
        at: datetime | None,
    ) -> tuple[str, int]:
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(image, CONFIG, _json(config)),
            "layers": [layer],
        }
        return self._manifest(image, MANIFEST, _json(manifest), at)

    def _attestation(self, image: Image, digest: str) -> dict[str, Any]:
        statement = _json(
            {
                "_type": "https://in-toto.io/Statement/v0.1",
                "predicateType": "https://slsa.dev/provenance/v0.2",
                "subject": [{"digest": {"sha256": digest[7:]}}],
                "predicate": {"buildType": "sandbox"},
            }
        )
        layer = self._blob(image, "application/vnd.in-toto+json", statement)
        place = {"architecture": "unknown", "os": "unknown"}
        found, size = self._build(image, place, layer, None)
        entry = _descriptor(MANIFEST, found, size, place)
        entry["annotations"] = {
            "vnd.docker.reference.digest": digest,
            "vnd.docker.reference.type": "attestation-manifest",
        }
        return entry

    def _blob(self, image: Image, kind: str, content: bytes) -> dict[str, Any]:
        digest = _digest(content)
        image.blobs[digest] = content
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def _manifest(
        self, image: Image, kind: str, content: bytes, at: datetime | None
    ) -> tuple[str, int]:
        digest = _digest(content)
        image.manifests.setdefault(digest, (kind, content, at))
        return digest, len(content)

    def _tag(
        self, image: Image, tag: str, content: bytes, at: datetime
    ) -> str:
        kind = json.loads(content)["mediaType"]
        digest, _ = self._manifest(image, kind, content, at)
        self.point(image, tag, digest, at)
        return digest

    def point(self, image: Image, tag: str, digest: str, at: datetime) -> None:
        """Let a tag point to a manifest."""
        tags = image.tags.value | {tag: digest}
        image.tags.put(tags, at=at, number=self._number())
        image.pushes.append((at, tag, digest))

    # -- HTTP ------------------------------------------------------------

    def handle(self, request: Request, view: View, now: datetime) -> Response:
        """Answer a request of the distribution API."""
        if request.path == "/token":
            return self._token(request, now)
        match = _ROUTE.fullmatch(request.path)
        if match is None:
            return _error(404, "NAME_UNKNOWN", "no such route")
        name = match["name"]
        refused = self._refusal(request, name, now)
        if refused is not None:
            return refused
        image = self.images.get(name)
        if image is None:
            return _error(404, "NAME_UNKNOWN", "repository name not known")
        return self._read(request, image, match["kind"], match["rest"], view)

    def _token(self, request: Request, now: datetime) -> Response:
        scope = request.query.get("scope", "")
        # Type, name and actions; the name may hold a port.
        name = scope.partition(":")[2].rpartition(":")[0]
        is_known = False
        if value := request.header("authorization"):
            _, password = basic(value)
            token = self._accounts.find(password)
            if token is None or token.kind == "fine-grained":
                # GitHub Packages takes classic and workflow tokens only.
                return _error(401, "UNAUTHORIZED", "authentication required")
            is_known = True
        image = self.images.get(name)
        if not is_known and image is not None and image.is_private:
            return _error(401, "UNAUTHORIZED", "authentication required")
        secret = "djE6" + secrets.token_hex(20)
        self._bearers[secret] = _Bearer(name, is_known, now + _LIFE)
        return Response(200, {"token": secret})

    def _bearer(self, request: Request, now: datetime) -> _Bearer | None:
        scheme, _, secret = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer":
            return None
        bearer = self._bearers.get(secret.strip())
        if bearer and now >= bearer.expires:
            return None
        if bearer and bearer.is_known and self._accounts.revoked:
            return None
        return bearer

    def _refusal(
        self, request: Request, name: str, now: datetime
    ) -> Response | None:
        bearer = self._bearer(request, now)
        image = self.images.get(name)
        is_private = image is not None and image.is_private
        if bearer is None:
            # At GHCR even anonymous readers need a token.
            return self._challenge(request, name)
        if bearer.name != name:
            return _error(403, "DENIED", "requested access is denied")
        if is_private and not bearer.is_known:
            return _error(403, "DENIED", "requested access is denied")
        return None

    def _challenge(self, request: Request, name: str) -> Response:
        response = _error(401, "UNAUTHORIZED", "authentication required")
        response.headers["WWW-Authenticate"] = (
            f'Bearer realm="http://{request.host}/token",'
            f'service="{request.host}",scope="repository:{name}:pull"'
        )
        return response

    def _read(
        self, request: Request, image: Image, kind: str, rest: str, view: View
    ) -> Response:
        if kind == "manifests":
            return self._read_manifest(request, image, rest, view)
        content = image.blobs.get(rest)
        if content is None:
            return _error(404, "BLOB_UNKNOWN", "blob unknown")
        headers = {
            **_API,
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": rest,
        }
        return Response(200, body=content, headers=headers)

    def _read_manifest(
        self, request: Request, image: Image, reference: str, view: View
    ) -> Response:
        digest: str | None = reference
        if not reference.startswith("sha256:"):
            digest = image.tags.read(view).get(reference)
        found = image.manifests.get(digest or "")
        if found is not None and found[2] is not None:
            found = None if found[2] > view.now else found
        if found is None or digest is None:
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        kind, content, _ = found
        accept = request.header("accept")
        wanted = [part.split(";")[0].strip() for part in accept.split(",")]
        if kind not in wanted:
            return _error(404, "MANIFEST_UNKNOWN", "no such media type")
        headers = {
            **_API,
            "Content-Type": kind,
            "Docker-Content-Digest": digest,
            "ETag": f'"{digest}"',
        }
        return Response(200, body=content, headers=headers)


_API = {"Docker-Distribution-Api-Version": "registry/2.0"}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _descriptor(
    kind: str, digest: str, size: int, place: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "mediaType": kind,
        "digest": digest,
        "size": size,
        "platform": dict(place),
    }


def _index(entries: list[dict[str, Any]]) -> bytes:
    return _json(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    )


def _error(status: int, code: str, message: str) -> Response:
    data = {"errors": [{"code": code, "message": message, "detail": None}]}
    return Response(status, data, headers=dict(_API))

"""Whatever a registry sends is read, or refused by `ValueError`."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsp_release.models import parse_platform
from rsp_release.storage.registry.manifest import (
    error_codes,
    parse_config,
    parse_document,
    parse_provenance,
)
from rsp_release.storage.registry.name import parse_name

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
DIGEST = f"sha256:{'0' * 64}"
KEYS = [
    "schemaVersion",
    "mediaType",
    "manifests",
    "layers",
    "config",
    "digest",
    "size",
    "platform",
    "os",
    "architecture",
    "variant",
    "annotations",
    "vnd.docker.reference.type",
    "artifactType",
    "vnd.docker.reference.digest",
    "in-toto.io/predicate-type",
    "errors",
    "code",
    "message",
    "created",
    "Labels",
    "org.opencontainers.image.revision",
    "predicate",
    "buildDefinition",
    "resolvedDependencies",
    "invocation",
    "configSource",
    "sha1",
]
WORDS = (
    DIGEST,
    COMMIT,
    "attestation-manifest",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "2026-05-01T12:00:00Z",
    "0001-01-01T00:00:00Z",
    "unknown",
    "linux",
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 10**20)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)
documents = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)


@given(documents, st.sampled_from(("", *WORDS)))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_anything(document: dict[str, Any], content_type: str) -> None:
    body = json.dumps(document).encode()
    error_codes(body)
    parse_provenance(body)
    parse_platform(document)
    for parse in (parse_config, lambda b: parse_document(b, content_type)):
        with contextlib.suppress(ValueError):
            parse(body)


@given(st.text(), st.text())
@settings(deadline=None, derandomize=True)
def test_any_name(name: str, tag: str) -> None:
    with contextlib.suppress(ValueError):
        place = parse_name(name, tag)
        assert place.base.isascii()
        assert place.repository.isascii()
        assert place.reference.isascii()


@pytest.mark.parametrize(
    ("name", "host", "repository", "base"),
    [
        ("python", "docker.io", "library/python", None),
        ("docker.io/python", "docker.io", "library/python", None),
        ("index.docker.io/a/b", "docker.io", "a/b", None),
        ("a/b", "docker.io", "a/b", "https://registry-1.docker.io"),
        ("GHCR.io/a/b", "ghcr.io", "a/b", "https://ghcr.io"),
        ("ghcr.io/a/b:1", "ghcr.io", "a/b", None),
        (f"ghcr.io/a/b:1@{DIGEST}", "ghcr.io", "a/b", None),
        ("r.example:5000/a", "r.example:5000", "a", "https://r.example:5000"),
        ("localhost/a", "localhost", "a", "http://localhost"),
        ("localhost:5000/a", "localhost:5000", "a", "http://localhost:5000"),
        ("[::1]:5000/a", "[::1]:5000", "a", "http://[::1]:5000"),
        ("127.0.0.1:1/a/b/c", "127.0.0.1:1", "a/b/c", "http://127.0.0.1:1"),
        ("127.0.0.2:1/a", "127.0.0.2:1", "a", "https://127.0.0.2:1"),
        ("localhost.example/a", "localhost.example", "a", None),
    ],
)
def test_name(name: str, host: str, repository: str, base: str | None) -> None:
    place = parse_name(name, "1")
    assert (place.host, place.repository) == (host, repository)
    if base is not None:
        assert place.base == base
    if host == "localhost.example":
        assert place.base == "https://localhost.example"


@pytest.mark.parametrize(
    "predicate",
    [
        {"invocation": {"configSource": {"digest": {"sha1": COMMIT}}}},
        {
            "metadata": {
                "https://mobyproject.org/buildkit@v1#metadata": {
                    "vcs": {"revision": COMMIT}
                }
            }
        },
        {
            "buildDefinition": {
                "externalParameters": {
                    "configSource": {"digest": {"sha1": COMMIT}}
                }
            }
        },
        {
            "buildDefinition": {
                "resolvedDependencies": [{"digest": {"gitCommit": COMMIT}}]
            }
        },
        {
            "runDetails": {
                "metadata": {
                    "buildkit_metadata": {"vcs": {"revision": COMMIT}}
                }
            }
        },
    ],
)
def test_provenance(predicate: dict[str, Any]) -> None:
    """Each place where BuildKit or GitHub names the commit."""
    body = json.dumps({"predicate": predicate}).encode()
    assert parse_provenance(body) == COMMIT
    assert parse_provenance(body.replace(COMMIT.encode(), b"main")) is None

"""What the documents of a registry say: indexes, manifests, configs.

Text and JSON in, values out: nothing here reads or writes. All of it is
untrusted, so every field is checked before it is used, above all the digests,
which become parts of addresses.

The rules are those of the OCI distribution and image specifications, version
1.1, and of Docker's schema 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ...models import parse_platform
from ..http import decode_json, plain_text
from .name import digest_of, is_digest

__all__ = [
    "ACCEPT",
    "Document",
    "Entry",
    "as_object",
    "error_codes",
    "parse_config",
    "parse_document",
    "parse_provenance",
]

INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
ACCEPT = ", ".join(INDEXES + MANIFESTS)
"""What to ask for: without all four a registry may convert, and so change
the digest."""

MAX_ENTRIES = 256
"""How many entries of an index are looked at."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of an index."""

    digest: str
    """The digest of the manifest it stands for."""

    platform: str | None
    """Its platform; `None` where the entry doesn't say."""

    attests: str | None = None
    """The digest of the manifest that this one is an attestation of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An index or a manifest."""

    kind: Literal["index", "manifest"]
    """Which of the two."""

    digest: str
    """The digest of its exact bytes."""

    entries: tuple[Entry, ...] = ()
    """Of an index: its images and their attestations."""

    config_digest: str | None = None
    """Of a manifest: the digest of its config."""

    is_image: bool = True
    """Of a manifest: whether it is a container image at all."""

    size: int | None = None
    """Of a manifest: bytes of its config and layers."""

    provenance: tuple[str, ...] = ()
    """Of a manifest: the digests of the provenance statements it holds."""

    @property
    def images(self) -> tuple[Entry, ...]:
        """The entries that are images."""
        return tuple(e for e in self.entries if e.attests is None)


def _json(body: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object, or say that it is none."""
    try:
        value = decode_json(body)
    except ValueError as e:
        raise ValueError(f"sent {what} that cannot be used: {e}") from None
    if not isinstance(value, dict):
        raise ValueError(f"sent something else where {what} should be")  # noqa: TRY004
    return value


def as_object(value: Any) -> dict[str, Any]:
    """Return a value of a decoded body, an empty object if it is none.

    Parameters
    ----------
    value
        The value. Untrusted.

    Returns
    -------
    dict
        The object.
    """
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, if it is one."""
    if isinstance(value, list):
        yield from (v for v in value[:MAX_ENTRIES] if isinstance(v, dict))


def error_codes(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return codes and messages of a registry's error answer.

    Parameters
    ----------
    body
        The body, which may be anything, such as a proxy's page.
    """
    try:
        document = _json(body, "an error")
    except ValueError:
        return ()
    return tuple(
        (plain_text(e.get("code")).upper(), plain_text(e.get("message")))
        for e in _objects(document.get("errors"))
        if plain_text(e.get("code"))
    )


def parse_document(body: bytes, content_type: str) -> Document:
    """Return what an index or a manifest says.

    Parameters
    ----------
    body
        Its exact bytes.
    content_type
        The media type it was sent as.

    Raises
    ------
    ValueError
        Raised if it is neither, with the reason as the end of a sentence
        about the registry.
    """
    document = _json(body, "a manifest")
    digest = digest_of(body)
    sent_as = content_type.partition(";")[0].strip().lower()
    media_type = plain_text(document.get("mediaType")) or sent_as
    # A document that can be read in two ways is how one digest gets two
    # meanings (CVE-2021-41190).
    if "manifests" in document and "layers" in document:
        raise ValueError("sent a manifest that is an index as well")
    if "fsLayers" in document or document.get("schemaVersion") == 1:
        raise ValueError(
            "has it in Docker's schema 1, which names no platform and which"
            " current clients refuse"
        )
    if media_type in INDEXES or "manifests" in document:
        entries = _objects(document.get("manifests"))
        return Document(
            kind="index",
            digest=digest,
            entries=tuple(e for v in entries if (e := _entry(v))),
        )
    if media_type not in MANIFESTS and "layers" not in document:
        named = plain_text(media_type) or "of no type"
        raise ValueError(f"has something else at this tag: {named}")
    return _manifest(document, digest)


def _entry(value: dict[str, Any]) -> Entry | None:
    """Return an index's entry, or `None` for what is nothing to pull."""
    digest = value.get("digest")
    if not is_digest(digest):
        return None
    notes = as_object(value.get("annotations"))
    kind = notes.get("vnd.docker.reference.type")
    if kind == "attestation-manifest":
        subject = notes.get("vnd.docker.reference.digest")
        return Entry(
            digest=str(digest),
            platform=None,
            attests=subject if isinstance(subject, str) else "",
        )
    media_type = plain_text(value.get("mediaType"))
    platform = parse_platform(value.get("platform"))
    says_unknown = bool(value.get("platform")) or media_type in INDEXES
    if value.get("artifactType") or (platform is None and says_unknown):
        return None
    return Entry(digest=str(digest), platform=platform)


def _manifest(document: dict[str, Any], digest: str) -> Document:
    """Return what a manifest says."""
    config = as_object(document.get("config"))
    layers = list(_objects(document.get("layers")))
    sizes = [part.get("size") for part in (config, *layers)]
    known = [s for s in sizes if isinstance(s, int) and s >= 0]
    config_digest = config.get("digest")
    provenance = []
    for layer in layers:
        notes = as_object(layer.get("annotations"))
        kind = notes.get("in-toto.io/predicate-type")
        if isinstance(kind, str) and "/provenance/" in kind:
            if is_digest(layer.get("digest")):
                provenance.append(str(layer["digest"]))
    return Document(
        kind="manifest",
        digest=digest,
        config_digest=config_digest if is_digest(config_digest) else None,
        is_image=plain_text(config.get("mediaType")) in CONFIGS,
        size=sum(known) if known and len(known) == len(sizes) else None,
        provenance=tuple(provenance),
    )


def parse_config(
    body: bytes,
) -> tuple[str | None, datetime | None, str | None]:
    """Return platform, time of building and revision of an image's config.

    Parameters
    ----------
    body
        The config's bytes.

    Returns
    -------
    tuple
        Each of them `None` where the config doesn't say.

    Raises
    ------
    ValueError
        Raised if it is no JSON object.
    """
    document = _json(body, "a config")
    labels = as_object(as_object(document.get("config")).get("Labels"))
    revision = plain_text(labels.get("org.opencontainers.image.revision"))
    return parse_platform(document), _time(document), revision or None


def _time(document: dict[str, Any]) -> datetime | None:
    """Return when a config was created, if that is a real time."""
    try:
        created = datetime.fromisoformat(str(document.get("created")))
    except ValueError:
        return None
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    # Reproducible builds set the first second of Unix or of Go's calendar.
    return created if created.year > 1980 else None


def parse_provenance(body: bytes) -> str | None:
    """Return the commit that an image was built from, as attested.

    Both versions of SLSA provenance that BuildKit writes are understood
    (v0.2 and v1). The signature, if any, is not checked.

    Parameters
    ----------
    body
        An in-toto statement.

    Returns
    -------
    str or None
        The full hash, or `None` where it names none.
    """
    try:
        statement = _json(body, "a provenance statement")
    except ValueError:
        return None

    def dig(*keys: str) -> Any:
        value: Any = statement.get("predicate")
        for key in keys:
            value = as_object(value).get(key)
        return value

    buildkit = "https://mobyproject.org/buildkit@v1#metadata"
    given = ("buildDefinition", "externalParameters", "configSource")
    sources = (
        ("invocation", "configSource", "digest", "sha1"),
        (*given, "digest", "sha1"),
        ("metadata", buildkit, "vcs", "revision"),
        ("runDetails", "metadata", "buildkit_metadata", "vcs", "revision"),
    )
    found = [dig(*keys) for keys in sources]
    found += [
        as_object(entry.get("digest")).get("gitCommit")
        for entry in _objects(dig("buildDefinition", "resolvedDependencies"))
    ]
    for commit in found:
        # A dirty tree is attested as "<hash>-dirty": worth showing as it is.
        text = plain_text(commit)
        if _COMMIT.fullmatch(text.removesuffix("-dirty")):
            return text
    return None

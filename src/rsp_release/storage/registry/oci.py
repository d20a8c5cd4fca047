"""Whether an image is there: container registries, by the OCI interface.

The one answer that must never be wrong is "absent", since a person acts on
it: it is given only where something that is recognisably a registry says that
it knows no such tag. Whatever else goes wrong is "unknown", with the reason.

``RSP_RELEASE_REGISTRY_MIRROR=HOST[:PORT]`` makes every image
``REGISTRY/NAME:TAG`` be looked for at ``HOST[:PORT]/REGISTRY/NAME:TAG``, which
is how caching mirrors and the sandbox name them (the colon of a registry's
port becomes a hyphen there). The report says so in its ``mirror``.

How many requests
-----------------
The first look at a public image takes three (the registry's challenge, the
token, the manifest), and a fourth, the config, where the tag is no index, for
only the config tells its platform. Later looks take one ``HEAD``, which Docker
Hub doesn't count as a pull. A private image takes two or three more, once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import datetime
from threading import Lock

from ...engine.look import Look
from ...engine.world import Clock
from ...exceptions import ReadError
from ...models import Image, ImageReport, PlatformImage, missing_platforms
from ..http import Reply
from .auth import BusyError
from .client import RegistryClient, is_marked, is_refusal, says_absent
from .manifest import (
    Document,
    Entry,
    parse_config,
    parse_document,
    parse_provenance,
)
from .name import Place, digest_of, is_digest, parse_name

__all__ = ["OciRegistry"]

MAX_PLATFORMS = 16
"""How many platforms are inspected."""

MAX_LOOKUPS = 4
"""How many entries of an index that don't say their platform are read."""

MIRROR = "RSP_RELEASE_REGISTRY_MIRROR"
"""The variable that names a registry to ask instead."""


class OciRegistry:
    """Container registries, whichever an image names.

    Several threads take turns. Close it, or use it in a ``with`` statement.

    Parameters
    ----------
    environ
        The environment: credentials, proxies, certificates, the mirror.
    clock
        What waits between attempts and tells when a token expires.
    look
        The look that the answers are part of.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        look: Look | None = None,
    ) -> None:
        self._client = RegistryClient(environ=environ, clock=clock)
        self._look = look
        self._lock = Lock()
        self._mirror = environ.get(MIRROR, "").strip().lower() or None
        self._seen: dict[Place, Document | None] = {}
        self._blobs: dict[str, bytes] = {}

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def look(self, image: Image) -> ImageReport:
        """Return whether an image is there, its digest and its platforms.

        Parameters
        ----------
        image
            The image, and the platforms it is promised for.

        Returns
        -------
        ImageReport
            ``unknown``, with the reason, for every trouble.
        """
        with self._lock:
            return self._find(image, in_depth=False)

    def inspect(self, image: Image) -> ImageReport:
        """Return what `look` does, and what each platform's image says.

        That is its size, when it was built, and from which commit by its
        labels and by its provenance attestation. It takes up to four requests
        a platform. What cannot be read is left out, and a note says so.

        Parameters
        ----------
        image
            The image, and the platforms it is promised for.
        """
        with self._lock:
            return self._find(image, in_depth=True)

    # -- The report ---------------------------------------------------------

    def _find(self, image: Image, *, in_depth: bool) -> ImageReport:
        """Return the report of an image, by any name that it has or had."""
        report = self._report(image, in_depth=in_depth)
        for name in image.former:
            if report.state == "present":
                break
            named = dataclasses.replace(image, name=name)
            before = self._report(named, in_depth=in_depth)
            if before.state == "present":
                report = before
        return report

    def _report(self, image: Image, *, in_depth: bool) -> ImageReport:
        report = ImageReport(
            image=image.name,
            tag=image.tag,
            state="unknown",
            mirror=self._mirror,
            is_assumed=image.is_assumed,
        )
        try:
            place = self._place(image)
            document = self._recall(place)
            if document is None:
                report = dataclasses.replace(report, state="absent")
            else:
                report = self._present(report, image, place, document)
        except BusyError as e:
            return dataclasses.replace(
                report, reason=str(e), help=e.help, retry_after=e.seconds
            )
        except (ReadError, ValueError) as e:
            help = e.help if isinstance(e, ReadError) else None
            return dataclasses.replace(report, reason=str(e), help=help)
        if in_depth and report.state == "present" and document is not None:
            report = self._deepen(report, place, document)
        return report

    def _place(self, image: Image) -> Place:
        """Return where to look for an image."""
        place = parse_name(image.name, image.tag)
        if self._mirror is None:
            return place
        host = self._mirror.partition("/")[0]
        if not {".", ":"} & set(host) and host != "localhost":
            raise ValueError(f"{MIRROR} names no registry: {self._mirror!r}")
        within = re.sub(r"[^a-z0-9.]+", "-", place.host).strip("-")
        return parse_name(
            f"{self._mirror}/{within}/{place.repository}", image.tag
        )

    def _present(
        self,
        report: ImageReport,
        image: Image,
        place: Place,
        document: Document,
    ) -> ImageReport:
        """Return the report of something that is there."""
        if document.kind == "manifest" and not document.is_image:
            raise ReadError(
                f"{place.host} has something else than a container image at"
                " this tag"
            )
        entries = document.images
        if document.kind == "manifest":
            entries = (Entry(digest=document.digest, platform=None),)
        manifests = []
        lookups = MAX_LOOKUPS
        has_image = False
        for entry in entries:
            platform = entry.platform
            if platform is None and lookups:
                lookups -= 1
                manifest = self._document(place, entry.digest)
                if not manifest.is_image:
                    continue
                platform = self._about(place, manifest)[0]
            has_image = True
            if platform is not None:
                manifests.append(
                    PlatformImage(platform=platform, digest=entry.digest)
                )
        if not has_image:
            # An index without images, or with their attestations alone.
            return dataclasses.replace(
                report,
                state="absent",
                reason="the index at this tag holds no image",
            )
        platforms = tuple(dict.fromkeys(m.platform for m in manifests))
        reason = None
        if missing := missing_platforms(image.platforms, platforms):
            reason = f"it has no {' and no '.join(missing)}"
        return dataclasses.replace(
            report,
            state="present",
            digest=document.digest,
            platforms=platforms,
            reason=reason,
            manifests=tuple(manifests),
            needs_credentials=self._client.is_hidden(place),
        )

    def _deepen(
        self, report: ImageReport, place: Place, document: Document
    ) -> ImageReport:
        """Return a report with what each platform's image says."""
        manifests = []
        notes = list(report.notes)
        for image in report.manifests[:MAX_PLATFORMS]:
            try:
                manifests.append(self._detail(image, place, document))
            except ReadError as e:
                notes.append(f"no details of {image.platform}: {e}")
                manifests.append(image)
        manifests += report.manifests[MAX_PLATFORMS:]
        return dataclasses.replace(
            report, manifests=tuple(manifests), notes=tuple(notes)
        )

    def _detail(
        self, image: PlatformImage, place: Place, top: Document
    ) -> PlatformImage:
        """Return what one platform's manifest, config and attestation say."""
        manifest = self._document(place, image.digest)
        _, created, revision = self._about(place, manifest)
        source = None
        for entry in top.entries:
            if entry.attests == image.digest and source is None:
                statement = self._document(place, entry.digest)
                for digest in statement.provenance[:2]:
                    body = self._blob(place, digest)
                    source = source or parse_provenance(body)
        return dataclasses.replace(
            image,
            config_digest=manifest.config_digest,
            size=manifest.size,
            created=created,
            revision=revision,
            source_commit=source,
        )

    # -- What is asked ------------------------------------------------------

    def _recall(self, place: Place) -> Document | None:
        """Return what a tag points to, asked for once a look."""
        if self._look is None:
            return self._resolve(place)
        return self._look.once((self, place), lambda: self._resolve(place))

    def _resolve(self, place: Place) -> Document | None:
        """Return what a tag points to; `None` if it is definitely absent."""
        path = f"manifests/{place.reference}"
        if place in self._seen:
            known = self._seen[place]
            reply = self._client.ask(place, "HEAD", path)
            digest = reply.headers.get("Docker-Content-Digest")
            if reply.status == 200 and known and digest == known.digest:
                return known
            if reply.status == 404 and known is None and is_marked(reply):
                return None
            if reply.status not in {200, 404, 405}:
                raise self._client.refusal(place, reply)
        reply = self._client.ask(place, "GET", path)
        if reply.status == 404 and says_absent(place, reply):
            self._seen.pop(place, None)
            # Of a name that a registry doesn't know it may yet turn out that
            # it only shows it to others; HEAD couldn't tell those apart.
            if not is_refusal(reply):
                self._seen[place] = None
            return None
        document = self._seen[place] = self._read(place, reply)
        by_digest = dataclasses.replace(place, reference=document.digest)
        self._seen[by_digest] = document
        return document

    def _document(self, place: Place, digest: str) -> Document:
        """Return a manifest by its digest."""
        at = dataclasses.replace(place, reference=digest)
        if (known := self._seen.get(at)) is None:
            reply = self._client.ask(at, "GET", f"manifests/{digest}")
            known = self._seen[at] = self._read(at, reply)
        return known

    def _blob(self, place: Place, digest: str) -> bytes:
        """Return a blob, checked against its digest."""
        if digest in self._blobs:
            return self._blobs[digest]
        reply = self._client.ask(place, "GET", f"blobs/{digest}")
        if reply.status != 200:
            raise self._client.refusal(place, reply)
        if digest_of(reply.body, like=digest) != digest:
            raise ReadError(f"{place.host} sent a blob of another digest")
        self._blobs[digest] = reply.body
        return reply.body

    def _about(
        self, place: Place, manifest: Document
    ) -> tuple[str | None, datetime | None, str | None]:
        """Read a manifest's config, as far as it has one."""
        if not manifest.config_digest:
            return None, None, None
        body = self._blob(place, manifest.config_digest)
        try:
            return parse_config(body)
        except ValueError as e:
            raise ReadError(f"{place.host} {e}") from None

    def _read(self, place: Place, reply: Reply) -> Document:
        """Return the document that an answer holds."""
        if reply.status != 200:
            raise self._client.refusal(place, reply)
        try:
            document = parse_document(
                reply.body, reply.headers.get("Content-Type", "")
            )
        except ValueError as e:
            raise ReadError(f"{place.host} {e}") from None
        header = reply.headers.get("Docker-Content-Digest")
        if is_digest(place.reference):
            header = place.reference
        if header is None or not is_digest(header):
            return document
        if digest_of(reply.body, like=header) != header:
            # A client that pulls checks this too, and gives up.
            raise ReadError(
                f"{place.host} sent a manifest that is not of the digest it"
                " names"
            )
        return dataclasses.replace(document, digest=header)

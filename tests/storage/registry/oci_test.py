"""Looking for images, in the real registry."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rsp_release.images.identity import compare, moved
from rsp_release.models import Image, ImageReport
from rsp_release.storage.http import Limits
from rsp_release.storage.registry import client
from rsp_release.storage.registry.oci import OciRegistry
from tests.support.registry import (
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Answer,
    Exchange,
    FakeClock,
    Front,
    Pusher,
    RealRegistry,
    Scripted,
    free_port,
    needs_registry,
    needs_skopeo,
    resolving,
)

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """Start the real registry, where everyone may read and write."""
    path = tmp_path_factory.mktemp("registry")
    with RealRegistry(path=path) as registry:
        yield registry


@pytest.fixture
def push(real: RealRegistry) -> Pusher:
    return Pusher(real.url)


@pytest.fixture
def registry() -> Iterator[OciRegistry]:
    with closing(OciRegistry(environ={}, clock=FakeClock())) as registry:
        yield registry


def image(
    address: str, name: str, tag: str, platforms: tuple[str, ...] = BOTH
) -> Image:
    return Image(name=f"{address}/{name}", tag=tag, platforms=platforms)


@needs_registry
class TestShapes:
    def test_index_with_attestations(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        digest = push.index("shapes/attested", tag="1.0.0", commit=COMMIT)
        report = registry.look(image(real.address, "shapes/attested", "1.0.0"))
        assert report.state == "present"
        assert report.digest == digest
        assert report.platforms == BOTH
        assert report.reason is None
        assert not report.needs_credentials
        assert report.reference == (f"{real.address}/shapes/attested@{digest}")

    def test_image_of_a_repository_that_was_renamed(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.index("shapes/old", tag="1", commit=COMMIT)
        wanted = replace(
            image(real.address, "shapes/new", "1"),
            former=(f"{real.address}/gone/x", f"{real.address}/shapes/old"),
        )
        assert registry.look(wanted).image == f"{real.address}/shapes/old"
        push.index("shapes/new", tag="1", commit=COMMIT)
        assert registry.look(wanted).image == wanted.name
        # Where it is nowhere, it is the name that it has now that lacks it.
        absent = registry.look(replace(wanted, tag="2"))
        assert (absent.image, absent.state) == (wanted.name, "absent")

    def test_one_platform_attested_is_an_index(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.index(
            "shapes/one", tag="1", platforms=("linux/amd64",), commit=COMMIT
        )
        report = registry.look(image(real.address, "shapes/one", "1"))
        assert report.platforms == ("linux/amd64",)

    @pytest.mark.parametrize("kind", ["oci", "docker"])
    def test_single_manifest(
        self,
        real: RealRegistry,
        push: Pusher,
        registry: OciRegistry,
        kind: str,
    ) -> None:
        name = f"shapes/single-{kind}"
        pushed = push.image(
            name, tag="1", platform="linux/arm/v7", is_docker=kind == "docker"
        )
        report = registry.look(
            image(real.address, name, "1", ("linux/arm/v7",))
        )
        assert report.digest == pushed["digest"]
        assert report.platforms == ("linux/arm/v7",)
        assert report.reason is None

    def test_docker_list(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        digest = push.index("shapes/list", tag="1", is_docker=True)
        report = registry.look(image(real.address, "shapes/list", "1"))
        assert (report.digest, report.platforms) == (digest, BOTH)

    def test_lacks_platform(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.index("shapes/lacks", tag="1", platforms=("linux/amd64",))
        report = registry.look(image(real.address, "shapes/lacks", "1"))
        assert report.state == "present"
        assert report.platforms == ("linux/amd64",)
        assert report.reason == "it has no linux/arm64"

    def test_entry_without_platform(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        entry = push.image("shapes/bare", platform="linux/s390x")
        del entry["platform"]
        push.manifest(
            "shapes/bare",
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]},
            media_type=OCI_INDEX,
            tag="1",
        )
        report = registry.look(image(real.address, "shapes/bare", "1", ()))
        assert report.platforms == ("linux/s390x",)

    @pytest.mark.parametrize("count", [0, 1])
    def test_index_without_images(
        self,
        real: RealRegistry,
        push: Pusher,
        registry: OciRegistry,
        count: int,
    ) -> None:
        """It is empty, or has attestations alone: nothing can be pulled."""
        name = "shapes/nothing"
        attestation = push.image(name, platform="unknown/unknown")
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [attestation][:count],
        }
        push.manifest(name, document, media_type=OCI_INDEX, tag=f"{count}")
        report = registry.look(image(real.address, name, f"{count}"))
        assert report.state == "absent"
        assert report.reason == "the index at this tag holds no image"

    def test_chart_is_no_image(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        config = b"{}"
        push.manifest(
            "shapes/chart",
            {
                "schemaVersion": 2,
                "config": {
                    "mediaType": "application/vnd.cncf.helm.config.v1+json",
                    "digest": push.blob("shapes/chart", config),
                    "size": len(config),
                },
                "layers": [],
            },
            media_type=OCI_MANIFEST,
            tag="1",
        )
        report = registry.look(image(real.address, "shapes/chart", "1"))
        assert report.state == "unknown"
        assert "something else than a container image" in str(report.reason)

    def test_by_digest(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        digest = push.index("shapes/digest", tag="1")
        report = registry.look(image(real.address, "shapes/digest", digest))
        assert (report.state, report.digest) == ("present", digest)
        other = f"sha256:{'0' * 64}"
        report = registry.look(image(real.address, "shapes/digest", other))
        assert report.state == "absent"

    @needs_skopeo
    def test_pushed_by_skopeo(
        self,
        real: RealRegistry,
        push: Pusher,
        registry: OciRegistry,
        tmp_path: Path,
    ) -> None:
        digest = push.index("skopeo/from", tag="1", commit=COMMIT)
        base = f"docker://{real.address}/skopeo"

        def skopeo(*args: str) -> bytes:
            return subprocess.run(
                ["skopeo", "--insecure-policy", *args],
                check=True,
                capture_output=True,
                env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            ).stdout

        plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
        skopeo("copy", "--all", *plain, f"{base}/from:1", f"{base}/all:1")
        one = ("--override-arch=arm64", "--override-os=linux")
        skopeo(
            *one,
            "copy",
            "--format=v2s2",
            *plain,
            f"{base}/from:1",
            f"{base}/one:1",
        )
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"{base}/one:1")
        assert json.loads(raw)["mediaType"] == DOCKER_MANIFEST
        report = registry.look(image(real.address, "skopeo/all", "1"))
        assert (report.digest, report.platforms) == (digest, BOTH)
        report = registry.look(image(real.address, "skopeo/one", "1"))
        assert report.platforms == ("linux/arm64",)


@needs_registry
class TestAbsent:
    def test_tag_and_name(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.image("absent/there", tag="1")
        for name in ("absent/there", "absent/not"):
            for _ in range(2):
                report = registry.look(image(real.address, name, "2"))
                assert report.state == "absent"
                assert report.reason is None

    @pytest.mark.parametrize("others", [(), ("1",)])
    def test_appears(
        self,
        real: RealRegistry,
        push: Pusher,
        registry: OciRegistry,
        others: tuple[str, ...],
    ) -> None:
        name = f"appears/{len(others)}"
        for tag in others:
            push.image(name, tag=tag)
        wanted = image(real.address, name, "2")
        assert registry.look(wanted).state == "absent"
        assert registry.look(wanted).state == "absent"
        push.index(name, tag="2")
        assert registry.look(wanted).state == "present"

    def test_moved(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        wanted = image(real.address, "moved", "1")
        first = push.index("moved", tag="1", content="first")
        before = registry.look(wanted)
        assert moved(first, registry.look(wanted)) is None
        second = push.index("moved", tag="1", content="second")
        now = registry.look(wanted)
        assert (before.digest, now.digest) == (first, second)
        assert "was moved" in str(moved(first, now))


@needs_registry
class TestRequests:
    def test_counts(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.index("counts/index", tag="1")
        push.image("counts/single", tag="1")
        with Front(real.address) as front:
            wanted = image(front.address, "counts/index", "1")
            registry.look(wanted)
            assert front.summary == ["- GET /v2/counts/index/manifests/1"]
            registry.look(wanted)
            assert front.summary[1:] == ["- HEAD /v2/counts/index/manifests/1"]
            front.seen.clear()
            wanted = image(front.address, "counts/single", "1")
            registry.look(wanted)
            registry.look(wanted)
            assert len(front.seen) == 3
            front.seen.clear()
            wanted = image(front.address, "counts/single", "2")
            registry.look(wanted)
            registry.look(wanted)
            assert front.summary == [
                "- GET /v2/counts/single/manifests/2",
                "- GET /v2/",
                "- HEAD /v2/counts/single/manifests/2",
            ]

    def test_asks_for_all_types(
        self, real: RealRegistry, registry: OciRegistry
    ) -> None:
        with Front(real.address) as front:
            registry.look(image(front.address, "types", "1"))
            headers = front.seen[0].headers
        assert headers["Accept"].count("application/vnd.") == 4
        assert headers["Accept-Encoding"] == "identity"

    def test_imports_late(self) -> None:
        code = (
            "import sys;"
            " from rsp_release.storage.registry.oci import OciRegistry;"
            " OciRegistry(environ={}, clock=None);"
            " print('requests' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True
        )
        assert done.stdout == b"False\n"


@needs_registry
class TestInspect:
    def test_index(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        labels = {"org.opencontainers.image.revision": COMMIT}
        push.index("inspect/index", tag="1", commit=COMMIT, labels=labels)
        report = registry.inspect(image(real.address, "inspect/index", "1"))
        assert report.notes == ()
        assert [m.platform for m in report.manifests] == list(BOTH)
        for manifest in report.manifests:
            assert manifest.revision == COMMIT
            assert manifest.source_commit == COMMIT
            assert manifest.size is not None
            assert manifest.size > 100
        assert report.created == datetime(2026, 5, 1, 11, 59, 0, 123456, UTC)

    def test_bare(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.image("inspect/bare", tag="1", created="1970-01-01T00:00:00Z")
        report = registry.inspect(image(real.address, "inspect/bare", "1"))
        (manifest,) = report.manifests
        assert manifest.config_digest is not None
        assert manifest.created is None
        assert manifest.revision is None
        assert manifest.source_commit is None

    def test_unreadable_details_are_noted(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        push.index("inspect/noted", tag="1")

        def respond(exchange: Exchange) -> Answer:
            if "/blobs/" in exchange.path:
                return Answer(status=403)
            return front.forward(exchange)

        front = Front(real.address)
        with Scripted(respond=respond) as server:
            report = registry.inspect(
                image(server.address, "inspect/noted", "1")
            )
        front.discard()
        assert report.state == "present"
        assert report.platforms == BOTH
        assert len(report.notes) == 2
        assert "no details of linux/amd64" in report.notes[0]

    def test_compare(
        self, real: RealRegistry, push: Pusher, registry: OciRegistry
    ) -> None:
        """Equal content in other manifests is equal; other content isn't."""
        push.index("one/app", tag="1")
        push.index("two/app", tag="1", is_docker=True)
        push.index("three/app", tag="1", created="2026-05-01T12:00:00Z")

        def inspect(owner: str) -> ImageReport:
            return registry.inspect(image(real.address, f"{owner}/app", "1"))

        one, two, three = map(inspect, ("one", "two", "three"))
        assert one.digest != two.digest
        assert compare([one, two]) == ()
        assert len(compare([one, two, three])) == 2


@needs_registry
class TestMirror:
    @pytest.mark.parametrize(
        ("name", "within"),
        [
            ("ghcr.io/lsst-sqre/app", "ghcr.io/lsst-sqre/app"),
            ("lsstsqre/app", "docker.io/lsstsqre/app"),
            ("python", "docker.io/library/python"),
            ("localhost:5000/app", "localhost-5000/app"),
        ],
    )
    def test_mirror(
        self, real: RealRegistry, push: Pusher, name: str, within: str
    ) -> None:
        digest = push.index(within, tag="1")
        environ = {
            "RSP_RELEASE_REGISTRY_MIRROR": real.address,
            "GITHUB_TOKEN": "ghp_secret",
        }
        with (
            Front(real.address) as front,
            closing(
                OciRegistry(
                    environ={
                        **environ,
                        "RSP_RELEASE_REGISTRY_MIRROR": front.address,
                    },
                    clock=FakeClock(),
                )
            ) as registry,
        ):
            report = registry.look(Image(name=name, tag="1"))
            assert (report.state, report.digest) == ("present", digest)
            assert (report.image, report.mirror) == (name, front.address)
            assert registry.look(Image(name=name, tag="2")).state == "absent"
            assert all("Authorization" not in e.headers for e in front.seen)

    @pytest.mark.parametrize("mirror", ["nohost", "http://127.0.0.1", "a b.c"])
    def test_invalid(self, mirror: str) -> None:
        environ = {"RSP_RELEASE_REGISTRY_MIRROR": mirror}
        with closing(
            OciRegistry(environ=environ, clock=FakeClock())
        ) as registry:
            report = registry.look(Image(name="ghcr.io/a/b", tag="1"))
        assert report.state == "unknown"
        assert "names no" in str(report.reason)


ERROR = b'{"errors": [{"code": "%s", "message": "said\\u001b[31m so"}]}'
MARK = {"Docker-Distribution-Api-Version": "registry/2.0"}
HTML = {"Content-Type": "text/html"}
ENTRY = {
    "mediaType": OCI_MANIFEST,
    "digest": f"sha256:{'0' * 64}",
    "size": 2,
    "platform": {"os": "linux", "architecture": "amd64"},
}
INDEX = json.dumps(
    {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [ENTRY]}
).encode()


class TestAnswers:
    """What each answer of a server that isn't well means."""

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(500), "answered 500"),
            (Answer(502, HTML, b"<h1>Bad gateway</h1>"), "answered 502"),
            (Answer(503), "answered 503"),
            (Answer(418), "answered 418"),
            (Answer(401), "does not show it anonymously"),
            (Answer(403, {}, ERROR % b"DENIED"), "(said [31m so)"),
            (Answer(429), "too many requests"),
            (Answer(429, {"Retry-After": "900"}), "again in 900 s"),
            (Answer(429, {"Retry-After": "x"}), "too many requests"),
            (
                Answer(429, {"ratelimit-limit": "100;w=21600"}),
                "requests, 100 in 6 h; those who log in may ask more",
            ),
            (Answer(404, HTML, b"<h1>Not found</h1>"), "not as a registry"),
            (Answer(404), "not as a registry"),
            (Answer(404, {}, b'{"message": "Not Found"}'), "not as a reg"),
            (Answer(404, {}, ERROR % b"DENIED"), "not as a registry"),
            (Answer(404, MARK, ERROR % b"UNSUPPORTED"), "not as a reg"),
            (
                Answer(200, HTML, b"<h1>Log in to the Wi-Fi</h1>"),
                "it is a web page",
            ),
            (Answer(200, {}, b"[]"), "something else where a manifest"),
            (Answer(200, {}, b"[" * 200_000), "nested too deeply"),
            (Answer(200, {}, b"{}"), "something else at this tag"),
            (Answer(200, {}, b'{"schemaVersion": 1}'), "schema 1"),
            (Answer(200, {}, b'{"manifests":[],"layers":[]}'), "as well"),
            (Answer(200, {}, b" " * 5_000_000), "larger than 4 MiB"),
            (Answer(200, {}, INDEX, is_cut=True), "broke"),
            (
                Answer(
                    200,
                    {"Docker-Content-Digest": f"sha256:{'0' * 64}"},
                    INDEX,
                ),
                "not of the digest",
            ),
            (
                Answer(302, {"Location": "/x"}, b" " * 5_000_000),
                "more than 5 times",
            ),
            (Answer(302), "redirects to nowhere"),
            (Answer(302, {"Location": "/v2/again"}), "more than 5 times"),
            (Answer(302, {"Location": "http://[/"}), "malformed"),
            (
                Answer(302, {"Location": "ftp://127.0.0.1/x"}),
                "without encryption",
            ),
            (
                Answer(302, {"Location": "http://a.example/"}),
                "without encryption",
            ),
        ],
    )
    def test_unknown(self, answer: Answer, reason: str) -> None:
        clock = FakeClock()
        with (
            Scripted(answers=[answer]) as server,
            closing(OciRegistry(environ={}, clock=clock)) as registry,
        ):
            report = registry.look(image(server.address, "app", "1"))
        assert report.state == "unknown"
        assert reason in str(report.reason)
        assert str(report.reason).isprintable()
        assert report.platforms == ()
        assert sum(clock.slept) < 10

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(404, {}, ERROR % b"MANIFEST_UNKNOWN"),
            Answer(404, {}, ERROR % b"NAME_UNKNOWN"),
            Answer(404, {}, ERROR % b"NOT_FOUND"),
            Answer(404, {}, ERROR % b"TAG_EXPIRED"),
            Answer(404, MARK),
        ],
    )
    def test_absent(self, answer: Answer) -> None:
        with (
            Scripted(answers=[answer]) as server,
            closing(OciRegistry(environ={}, clock=FakeClock())) as registry,
        ):
            for _ in range(2):
                report = registry.look(image(server.address, "app", "1"))
                assert report.state == "absent"

    def test_absent_then_broken(self) -> None:
        """What was absent isn't so because a proxy says 404 now."""
        answers = [
            Answer(404, {}, ERROR % b"MANIFEST_UNKNOWN"),
            Answer(404, HTML, b"<h1>Not found</h1>"),
        ]
        with (
            Scripted(answers=answers) as server,
            closing(OciRegistry(environ={}, clock=FakeClock())) as registry,
        ):
            wanted = image(server.address, "app", "1")
            assert registry.look(wanted).state == "absent"
            assert registry.look(wanted).state == "unknown"

    @pytest.mark.parametrize(
        ("answer", "slept"),
        [
            (Answer(502), [0.25]),
            (Answer(503, {"Retry-After": "4"}), [4.0]),
            (Answer(429, {"Retry-After": "7"}), [7.0]),
            (Answer(429, {"Retry-After": "0"}), [1.0]),
            (
                Answer(429, {"Retry-After": "Fri, 01 May 2026 12:00:05 GMT"}),
                [5.0],
            ),
            (Answer(200, {}, INDEX, is_cut=True), [0.25]),
        ],
    )
    def test_passes(self, answer: Answer, slept: list[float]) -> None:
        clock = FakeClock()
        with (
            Scripted(answers=[answer, Answer(200, {}, INDEX)]) as server,
            closing(OciRegistry(environ={}, clock=clock)) as registry,
        ):
            report = registry.look(image(server.address, "app", "1", ()))
        assert report.state == "present"
        assert clock.slept == slept

    def test_gives_up(self) -> None:
        clock = FakeClock()
        with (
            Scripted(answers=[Answer(500)]) as server,
            closing(OciRegistry(environ={}, clock=clock)) as registry,
        ):
            registry.look(image(server.address, "app", "1"))
            assert len(server.seen) == 4
        assert clock.slept == [0.25, 0.75, 2.25]

    def test_refused_connection(self, registry: OciRegistry) -> None:
        address = f"127.0.0.1:{free_port()}"
        report = registry.look(image(address, "app", "1"))
        assert report.state == "unknown"
        assert report.reason == f"{address} refused the connection"

    def test_no_name(
        self, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with resolving(monkeypatch, {}):
            report = registry.look(image("registry.example", "app", "1"))
        assert report.state == "unknown"
        assert report.reason == ("cannot resolve registry.example")

    def test_silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import socket

        monkeypatch.setattr(client, "LIMITS", Limits(silence=0.1))
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            closing(OciRegistry(environ={}, clock=FakeClock())) as registry,
        ):
            address = f"127.0.0.1:{server.getsockname()[1]}"
            report = registry.look(image(address, "app", "1"))
        assert report.state == "unknown"
        assert report.reason == f"{address} did not answer in time"

    def test_drip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that sends a byte now and then doesn't hold us."""
        import socket
        import threading
        import time

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
                for _ in range(100):
                    try:
                        peer.sendall(b" ")
                    except OSError:
                        return
                    time.sleep(0.03)

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=serve)
            thread.start()
            address = f"127.0.0.1:{server.getsockname()[1]}"
            monkeypatch.setattr(client, "LIMITS", Limits(total=0.4))
            with closing(
                OciRegistry(environ={}, clock=FakeClock())
            ) as registry:
                report = registry.look(image(address, "app", "1"))
            thread.join()
        assert report.reason == (
            f"{address}'s answer cannot be used: it takes more than 0.4 s"
        )

    @pytest.mark.parametrize(
        ("name", "tag"),
        [
            ("ghcr.io/LSST/app", "1"),
            ("ghcr.io/lsst/app", "1.0.0+5"),
            ("ghcr.io/lsst/app", "a/b"),
            ("ghcr.io/lsst/../app", "1"),
            ("ghcr.io", "1" * 129),
            ("gh_cr.io/lsst/app", "1"),
            ("ghcr.io/lsst/app?x=", "1"),
            ("", "1"),
        ],
    )
    def test_no_such_name(
        self, registry: OciRegistry, name: str, tag: str
    ) -> None:
        report = registry.look(Image(name=name, tag=tag))
        assert report.state == "unknown"
        assert "no valid" in str(report.reason)
        assert ("not lowercase" in str(report.reason)) == ("LSST" in name)

    def test_wrong_blob(self, registry: OciRegistry) -> None:
        """What isn't of its digest isn't believed."""
        digest = f"sha256:{'0' * 64}"
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest,
            "size": 2,
        }
        manifest = {"schemaVersion": 2, "config": config, "layers": []}

        def respond(exchange: Exchange) -> Answer:
            if "/blobs/" in exchange.path:
                return Answer(200, {}, b'{"os":"linux","architecture":"x"}')
            return Answer(200, {}, json.dumps(manifest).encode())

        with Scripted(respond=respond) as server:
            report = registry.look(image(server.address, "app", "1"))
        assert report.state == "unknown"
        assert "a blob of another digest" in str(report.reason)

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rsp_release.publishing.images import (
    call_pushes,
    is_legal,
    is_suspicious_action,
    is_suspicious_call,
    is_suspicious_script,
    known_pushes,
    split_reference,
)
from rsp_release.publishing.unknown import unknown

GITHUB = {"ref": "refs/tags/v1.2.3", "sha": "860c1904" * 5}
SQUARE = "lsst-sqre/multiplatform-build-and-push/.github/workflows/build.yaml"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("ghcr.io/a/b:1", ("ghcr.io/a/b", "1")),
        ("ghcr.io/A/B:V1", ("ghcr.io/a/b", "V1")),
        ("a/b:1", ("docker.io/a/b", "1")),
        ("index.docker.io/a/b:1", ("docker.io/a/b", "1")),
        ("docker.io/foo", ("docker.io/library/foo", "latest")),
        ("b", ("docker.io/library/b", "latest")),
        ("localhost:5000/b", ("localhost:5000/b", "latest")),
        ("localhost/b:1", ("localhost/b", "1")),
        ("ghcr.io/a/b@sha256:00", ("ghcr.io/a/b", None)),
        (unknown("x"), (unknown("x"), "latest")),
        (unknown("x") + "/b:1", (unknown("x") + "/b", "1")),
    ],
)
def test_split_reference(
    reference: str, expected: tuple[str, str | None]
) -> None:
    assert split_reference(reference) == expected


@pytest.mark.parametrize(
    ("name", "tag", "expected"),
    [
        ("ghcr.io/a/b", "1.2.3", True),
        ("localhost:5000/b", "1", True),
        ("docker.io/a/b_c/d-e.f", "_1", True),
        ("ghcr.io/a/b", "1.2.3+4", False),
        ("ghcr.io/a/b", "", False),
        ("ghcr.io/a/b", "x" * 129, False),
        ("ghcr.io/a b", "1", False),
        ("ghcr.io/a//b", "1", False),
        ("ghcr.io/-b", "1", False),
        ("ghcr.io", "1", False),
        ("xn--n3h.com/myimage", "xn--n3h.com", True),
        ("[2001:db8::1]:5000/repo", "tag", True),
        ("[fe80::1%eth0]:5000/repo", "tag", False),
        ("example.com/" + "a" * 255, "tag", True),
        ("example.com/" + "a" * 256, "tag", False),
        ("docker.io/a---b/c__d", "1", True),
        ("docker.io/dock_.er/docker", "1", False),
        ("ghcr.io/" + "a-" * 120 + "!", "1", False),
    ],
)
def test_is_legal(name: str, tag: str, *, expected: bool) -> None:
    assert is_legal(name, tag) is expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("docker push a/b:1", ["a/b:1"]),
        ("sudo docker push -q a/b:1", ["a/b:1"]),
        ("docker image push a/b", ["a/b"]),
        ("docker --config x push a/b", ["a/b"]),
        ("podman push --format oci a/b:1", ["a/b:1"]),
        ("podman push img docker://q.io/a/b:1", ["docker://q.io/a/b:1"]),
        ("docker build -t a/b .", []),
        ("docker build --push -t a/b -t a/c:1 .", ["a/b", "a/c:1"]),
        ("docker buildx build --tag=a/b --push .", ["a/b"]),
        ("docker buildx build -t a/b --output type=registry .", ["a/b"]),
        ("docker buildx build -t a/b -o type=local,dest=x .", []),
        ("docker buildx imagetools create -t a/b:1 a/b:x a/b:y", ["a/b:1"]),
        ("docker manifest create a/b:1 a/b:x", []),
        ("docker manifest push a/b:1", ["a/b:1"]),
        ("skopeo copy --all docker://a/b docker://c/d:1", ["c/d:1"]),
        ("skopeo copy docker://a/b dir:x", []),
        ("crane copy a/b c/d:1", ["c/d:1"]),
        ("docker run a/b push", []),
        ("git push origin main", []),
        ("docker", []),
    ],
)
def test_call_pushes(command: str, expected: list[str]) -> None:
    pushes = call_pushes(command.split())
    assert [r for push in pushes for r in push.references] == expected


def test_call_details() -> None:
    (push,) = call_pushes(
        [
            "docker",
            "buildx",
            "build",
            "--push",
            "--platform",
            "linux/amd64,arm64",
            "-t",
            "x/y",
            ".",
        ]
    )
    assert push.platforms == ("linux/amd64", "linux/arm64")
    (push,) = call_pushes(
        [
            "docker",
            "buildx",
            "imagetools",
            "create",
            "-t",
            "x/y:1",
            "x/y:a",
            "x/y:b",
        ]
    )
    assert push.sources == ("x/y:a", "x/y:b")
    (push,) = call_pushes(["docker", "buildx", "imagetools", "create"])
    assert not push.is_vague
    (push,) = call_pushes(
        ["docker", "buildx", "imagetools", "create", unknown("jq")]
    )
    assert push.is_vague


@pytest.mark.parametrize(
    ("inputs", "expected", "certain"),
    [
        (
            {"images": "ghcr.io/a/b"},
            ["ghcr.io/a/b:v1.2.3"],
            True,
        ),
        (
            {"images": "ghcr.io/a/b,\n  x/y", "tag": "7", "push": "true"},
            ["ghcr.io/a/b:7", "x/y:7"],
            True,
        ),
        (
            {"images": "a/b", "additional-tags": "latest,x", "push": "false"},
            ["a/b:v1.2.3", "a/b:latest", "a/b:x"],
            False,
        ),
        # The workflow itself fails on a list by lines.
        ({"images": "a/b\nc/d"}, ["a/b c/d:v1.2.3"], True),
        (
            {"images": "a/b", "push": unknown("x")},
            ["a/b:v1.2.3"],
            None,
        ),
    ],
)
def test_reusable(
    inputs: Mapping[str, str], expected: list[str], *, certain: bool | None
) -> None:
    known = known_pushes(SQUARE, inputs, GITHUB)
    assert known
    (push,) = known[0]
    assert list(push.references) == expected
    assert push.is_certain is certain
    assert known_pushes("lsst-sqre/other", inputs, GITHUB) is None


@pytest.mark.parametrize(
    ("inputs", "expected", "certain"),
    [
        ({"tags": "a/b:1\nc/d:1", "push": "true"}, ["a/b:1", "c/d:1"], True),
        ({"tags": "a/b:1, c/d:1", "push": "TRUE"}, ["a/b:1", "c/d:1"], True),
        ({"tags": "a/b:1"}, ["a/b:1"], False),
        ({"tags": "a/b:1", "push": unknown("x")}, ["a/b:1"], None),
        ({"tags": "a/b:1", "outputs": "type=registry"}, ["a/b:1"], True),
        ({"outputs": "type=image,name=a/b,push=true"}, ["a/b"], True),
        (
            {"outputs": "type=image,name=a/b,push-by-digest=true,push=true"},
            [],
            True,
        ),
    ],
)
def test_build_push_action(
    inputs: Mapping[str, str], expected: list[str], *, certain: bool | None
) -> None:
    known = known_pushes("Docker/Build-Push-Action", inputs, GITHUB)
    assert known
    (push,) = known[0]
    assert list(push.references) == expected
    assert push.is_certain is certain


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("somebody/docker-publish", True),
        ("redhat-actions/push-to-registry", True),
        ("docker/bake-action", True),
        ("mr/kaniko-action", True),
        ("docker/login-action", False),
        ("docker/setup-buildx-action", False),
        ("dataaxiom/ghcr-cleanup-action", False),
        ("actions/checkout", False),
        ("pypa/gh-action-pypi-publish", False),
        ("lsst-sqre/ltd-upload", False),
    ],
)
def test_is_suspicious_action(name: str, *, expected: bool) -> None:
    assert is_suspicious_action(name) is expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("make docker-push", True),
        ("make test", False),
        ("nox -s build-image", True),
        ("docker compose push", True),
        ("docker buildx bake --push", True),
        ("docker compose up", False),
        ("ko build ./cmd", True),
        ("sh", False),
        ("bash scripts/push.sh", True),
        ("./publish-image.sh", True),
        ("scripts/docker-tag.sh", False),
        ("npm run docs", False),
    ],
)
def test_is_suspicious_call(command: str, *, expected: bool) -> None:
    assert is_suspicious_call(command.split()) is expected


def test_is_suspicious_script() -> None:
    assert is_suspicious_script("while read x; do docker push $x; done")
    assert is_suspicious_script("docker buildx build . --push")
    assert not is_suspicious_script("git push; twine upload dist/*")

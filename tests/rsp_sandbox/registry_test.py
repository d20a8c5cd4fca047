"""The registry: tokens, negotiation, what an index holds, pushes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from tests.support.box import Sandbox
from tests.support.sandbox import Answer, Client, ManualClock, basic

NAME = "ghcr.io/rubin-demo/stargazer"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def token(client: Client, *, scope: str = "", auth: str = "") -> Answer:
    url = f"/token?service=x&scope=repository:{scope or NAME}:pull"
    headers = {"Authorization": auth} if auth else {}
    return client.raw("GET", url, headers=headers)


def test_even_strangers_need_a_token(client: Client) -> None:
    url = f"/v2/{NAME}/manifests/1.4.0"
    answer = client.raw("GET", url)
    assert answer.status == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="http://127.0.0.1:')
    assert f'scope="repository:{NAME}:pull"' in challenge
    assert answer.data["errors"][0]["code"] == "UNAUTHORIZED"
    assert "expires_in" not in token(client).data
    assert client.pull(NAME, "1.4.0").status == 200


def test_index(client: Client) -> None:
    answer = client.pull(NAME, "1.4.0")
    digest = answer.headers["docker-content-digest"]
    assert answer.headers["content-type"] == INDEX
    assert sha(answer.body) == digest
    places = [entry["platform"] for entry in answer.data["manifests"]]
    assert [place["architecture"] for place in places] == [
        "amd64",
        "arm64",
        "unknown",
        "unknown",
    ]
    kinds = [
        entry.get("annotations", {}).get("vnd.docker.reference.type")
        for entry in answer.data["manifests"]
    ]
    assert kinds == [None, None, *["attestation-manifest"] * 2]
    again = client.pull(NAME, digest)
    assert again.body == answer.body
    for entry in answer.data["manifests"]:
        inner = client.pull(NAME, entry["digest"])
        assert sha(inner.body) == entry["digest"]
        assert len(inner.body) == entry["size"]
        for blob in (inner.data["config"], *inner.data["layers"]):
            auth = f"Bearer {token(client).data['token']}"
            found = client.raw(
                "GET",
                f"/v2/{NAME}/blobs/{blob['digest']}",
                headers={"Authorization": auth},
            )
            assert sha(found.body) == blob["digest"]
            assert len(found.body) == blob["size"]


def test_head_says_what_get_says(client: Client) -> None:
    auth = f"Bearer {token(client).data['token']}"
    url = f"/v2/{NAME}/manifests/1.4.0"
    headers = {"Authorization": auth, "Accept": INDEX}
    head = client.raw("HEAD", url, headers=headers)
    got = client.raw("GET", url, headers=headers)
    assert head.body == b""
    assert head.status == got.status == 200
    for name in ("docker-content-digest", "content-type", "content-length"):
        assert head.headers[name] == got.headers[name]


def test_negotiation(client: Client) -> None:
    answer = client.pull(NAME, "1.4.0", Accept=MANIFEST)
    assert answer.status == 404
    assert answer.data["errors"][0]["code"] == "MANIFEST_UNKNOWN"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (NAME, "MANIFEST_UNKNOWN"),
        ("ghcr.io/rubin-demo/none", "NAME_UNKNOWN"),
    ],
)
def test_absent(client: Client, name: str, code: str) -> None:
    answer = client.pull(name, "9.9.9")
    assert answer.status == 404
    assert answer.data["errors"][0]["code"] == code


def test_private_image(box: Sandbox, client: Client) -> None:
    box.images.image(NAME).is_private = True
    assert token(client).status == 401
    assert token(client, auth=basic("x", "wrong")).status == 401
    fine = box.add_token(kind="fine-grained")
    assert token(client, auth=basic("x", fine)).status == 401
    # A bearer of the token itself is refused, as at GHCR.
    assert token(client, auth=f"Bearer {box.token}").status == 401
    granted = token(client, auth=basic("x", box.token))
    assert granted.status == 200
    auth = {"Authorization": f"Bearer {granted.data['token']}"}
    url = f"/v2/{NAME}/manifests/1.4.0"
    assert (
        client.raw("GET", url, headers=auth | {"Accept": INDEX}).status == 200
    )
    other = f"/v2/{NAME}-other/manifests/1.4.0"
    assert client.raw("GET", other, headers=auth).status == 403


def test_reads_lag_pushes(
    clock: ManualClock, start: Callable[..., Sandbox]
) -> None:
    box = start({"lag": {"registry": 10}})
    with Client(box) as client:
        client.post(
            "/repos/rubin-demo/stargazer/releases", {"tag_name": "1.5.0"}
        )
        clock.sleep(7)
        assert "1.5.0" in box.state.images()[NAME].tags.value
        assert client.pull(NAME, "1.5.0").status == 404
        digest = box.state.images()[NAME].tags.value["1.5.0"]
        assert client.pull(NAME, digest).status == 404
        clock.sleep(10)
        assert client.pull(NAME, "1.5.0").status == 200


def test_labels_and_tag_with_slash(box: Sandbox, client: Client) -> None:
    digest = box.images.publish(
        "ghcr.io/a/b",
        "u/x",
        at=box.clock.now(),
        platforms=("linux/amd64",),
        attestations=True,
        platform_tags=True,
        labels={"org.opencontainers.image.version": "1"},
    )
    answer = client.pull("ghcr.io/a/b", "u-x")
    assert answer.headers["docker-content-digest"] == digest
    inner = client.pull("ghcr.io/a/b", answer.data["manifests"][0]["digest"])
    config = box.images.images["ghcr.io/a/b"].blobs[
        inner.data["config"]["digest"]
    ]
    labels = json.loads(config)["config"]["Labels"]
    assert labels == {"org.opencontainers.image.version": "1"}


def test_tokens_expire(client: Client, clock: ManualClock) -> None:
    auth = {
        "Authorization": f"Bearer {token(client).data['token']}",
        "Accept": INDEX,
    }
    url = f"/v2/{NAME}/manifests/1.4.0"
    clock.sleep(299)
    assert client.raw("GET", url, headers=auth).status == 200
    clock.sleep(1)
    assert client.raw("GET", url, headers=auth).status == 401

from __future__ import annotations

import pytest

from rsp_release.publishing.metadata import image_tags
from rsp_release.publishing.unknown import show, unknown

REF = "refs/tags/v1.2.3"
SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
GITHUB = {
    "ref": REF,
    "sha": SHA,
    "event": {
        "base_ref": "refs/heads/main",
        "repository": {"default_branch": "main"},
    },
}


@pytest.mark.parametrize(
    ("tags", "ref", "expected"),
    [
        ("", REF, "v1.2.3 latest"),
        ("type=ref,event=tag", "refs/tags/a/b", "a-b latest"),
        ("type=ref,event=branch", REF, ""),
        ("type=semver,pattern={{version}}", REF, "1.2.3 latest"),
        ("type=semver,pattern={{raw}}", REF, "v1.2.3 latest"),
        ("type=semver,pattern=v{{major}}", REF, "v1 latest"),
        (
            "type=semver,pattern={{version}}\ntype=semver,pattern={{minor}}",
            REF,
            "1.2.3 2 latest",
        ),
        (
            "type=semver,pattern={{major}}.{{minor}}",
            "refs/tags/1.2.3-rc.1",
            "1.2.3-rc.1",
        ),
        ("type=semver,pattern={{raw}}", "refs/tags/1.2.3+b", "1.2.3-b latest"),
        ("type=semver,pattern={{version}}", "refs/tags/1.2", ""),
        ("type=semver,pattern={{version}},value=v2.0.0", REF, "2.0.0 latest"),
        ("type=pep440,pattern={{version}}", REF, "1.2.3 latest"),
        ("type=raw,value=x", REF, "x"),
        ("type=raw,x+y", REF, "x-y"),
        ("plain", REF, "plain"),
        ("type=raw,value={{tag}}", REF, "v1.2.3"),
        ("type=raw,value=x,enable=false", REF, ""),
        ("type=raw,value=x,enable={{is_default_branch}}", REF, ""),
        ("type=raw,value=x,prefix=a-,suffix=-b", REF, "a-x-b"),
        # The rule of highest priority comes first, and decides on latest.
        ("type=raw,x\ntype=semver,pattern={{raw}}", REF, "v1.2.3 x latest"),
        (
            "type=raw,value=x,priority=2000\ntype=semver,pattern={{version}}",
            REF,
            "x 1.2.3",
        ),
        ("type=sha", REF, "sha-860c190"),
        ("type=sha,format=long", REF, f"sha-{SHA}"),
        ("type=sha,prefix=", REF, "860c190"),
        ("type=raw,{{tag}}-{{sha}}", REF, "v1.2.3-860c190"),
        ("type=raw,{{base_ref}}-foo", REF, "main-foo"),
        ("type=edge\ntype=ref,event=branch", "refs/heads/main", "edge main"),
        ("type=edge", "refs/heads/1.2", ""),
        ("type=edge,branch=1.2", "refs/heads/1.2", "edge"),
        ("type=raw,x,enable={{is_default_branch}}", "refs/heads/main", "x"),
        ("type=schedule\ntype=edge", REF, ""),
        ("type=match,pattern=\\d+", REF, "1 latest"),
        ("type=match,pattern=\\d{8}", "refs/tags/20200110", "20200110 latest"),
        (
            "type=match,pattern=(.*)-RC,group=1",
            "refs/tags/20200110-RC2",
            "20200110 latest",
        ),
        ('type=match,"pattern=^v(\\d.\\d.\\d)$",group=1', REF, "1.2.3 latest"),
        ('type=match,"pattern=/^V(\\d).*$/i",group=1', REF, "1 latest"),
        ("type=match,pattern=/\\d/g,group=2", REF, "3 latest"),
        ("type=match,pattern=v(\\d),group=3", REF, ""),
        # No match gives no tag.
        ("type=match,pattern=\\d.\\d", "refs/tags/sometag", ""),
        # Lookbehind means another thing to Python.
        ("type=match,pattern=(?<=v)\\d", REF, "${{ match }} latest"),
        (
            'type=semver,pattern={{version}},"match=v(\\d.\\d.\\d)$"',
            "refs/tags/p1/v1.0.0",
            "1.0.0 latest",
        ),
        ("type=semver,pattern={{version}}", "refs/tags/1.2.3-01", ""),
        ("type=pep440,pattern={{version}}", "refs/tags/1.2", "1.2 latest"),
        ("type=pep440,pattern={{patch}}", "refs/tags/1.2", "0 latest"),
        ("type=pep440,pattern={{major}}", "refs/tags/1.1beta2", "1.1b2"),
        ("type=pep440,pattern={{major}}", "refs/tags/1.0dev4", "1.0.dev4"),
        ("type=pep440,pattern={{version}}", "refs/tags/1.2post1", "1.2.post1"),
        ("type=pep440,pattern={{version}}", "refs/tags/1.2-3", "1.2.post3"),
        ("type=pep440,pattern={{version}}", "refs/tags/v1.2.3rc2", "1.2.3rc2"),
        ("type=pep440,pattern={{raw}}", "refs/tags/v1.2.3rc2", "v1.2.3rc2"),
        ("type=pep440,pattern={{version}}", "refs/tags/1!2.0a", "1-2.0a0"),
        ("type=pep440,pattern={{version}}", "refs/tags/sometag", ""),
        ("# comment\n\ntype=raw,value=x", REF, "x"),
    ],
)  # fmt: skip
def test_metadata_tags(tags: str, ref: str, expected: str) -> None:
    made, _ = image_tags({"tags": tags}, {**GITHUB, "ref": ref})
    assert show(made.replace("\n", " ")) == expected


def test_what_a_run_decides_is_unknown() -> None:
    before = {**GITHUB, "sha": unknown("github.sha"), "event": {}}
    tags = {"tags": "type=sha\ntype=sha,format=long,prefix="}
    assert show(image_tags(tags, before)[0]) == (
        "sha-${{ github.sha }}\n${{ github.sha }}"
    )
    env = {"DOCKER_METADATA_SHORT_SHA_LENGTH": "12"}
    assert (
        image_tags({"tags": "type=sha"}, GITHUB, env)[0] == f"sha-{SHA[:12]}"
    )
    branch = {**before, "ref": "refs/heads/main"}
    shown = show(image_tags({"tags": "type=edge"}, branch)[0])
    assert shown == "${{ github.event.repository.default_branch }}"


@pytest.mark.parametrize(
    ("flavor", "expected"),
    [
        ("latest=false", "1.2.3"),
        ("latest=true", "1.2.3 latest"),
        ("suffix=-x", "1.2.3-x latest"),
        ("suffix=-x,onlatest=true", "1.2.3-x latest-x"),
        ("prefix=x-", "x-1.2.3 latest"),
    ],
)
def test_metadata_flavor(flavor: str, expected: str) -> None:
    inputs = {"tags": "type=semver,pattern={{version}}", "flavor": flavor}
    assert image_tags(inputs, GITHUB)[0].replace("\n", " ") == expected


def test_metadata_images() -> None:
    inputs = {
        "images": "name=ghcr.io/A/b\nx/y\nname=n/n,enable=false",
        "tags": "one\ntwo",
    }
    assert image_tags(inputs, GITHUB) == (
        "ghcr.io/a/b:one\nghcr.io/a/b:two\nx/y:one\nx/y:two",
        "one",
    )
    inputs = {"images": "a/b,c/d", "tags": "one", "sep-tags": ","}
    assert image_tags(inputs, GITHUB)[0] == "a/b:one,c/d:one"

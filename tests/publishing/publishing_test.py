from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rsp_release.config import Config
from rsp_release.exceptions import ReleaseError, UsageError
from rsp_release.models import Image, Publication
from rsp_release.publishing import explain_absence, find_publication

DATA = Path(__file__).parents[1] / "data" / "workflows"
BOTH = ("linux/amd64", "linux/arm64")
TAG_SCRIPT = """#!/bin/bash
set -eo pipefail
if [ -n "$GITHUB_HEAD_REF" ]; then
    ref=$GITHUB_HEAD_REF
else
    ref=$(echo "$GITHUB_REF" | sed -E 's,refs/(heads|tags)/,,')
fi
echo "$ref" | sed 's,/,-,g'
"""
OTHER = {
    "scripts/docker-tag.sh": TAG_SCRIPT,
    "app/package.json": '{"name": "app", "version": "0.38.0"}',
}


def workflows(*names: str) -> dict[str, str]:
    return {
        f".github/workflows/{name}.yaml": (DATA / f"{name}.yaml").read_text()
        for name in names
    }


def find(
    *names: str,
    tag: str = "1.2.3",
    repository: str = "Shop/Widget",
    other: Mapping[str, str] = OTHER,
    **settings: Any,
) -> Publication | None:
    return find_publication(
        workflows(*names),
        repository=repository,
        tag=tag,
        read=other.get,
        config=Config(**settings),
    )


def summary(publication: Publication | None) -> tuple[Any, ...]:
    assert publication is not None
    return (
        publication.event,
        publication.jobs,
        {f"{i.name}:{i.tag}": i.platforms for i in publication.images},
        len(publication.unsure),
    )


@pytest.mark.parametrize(
    ("names", "tag", "expected"),
    [
        (
            ["reusable"],
            "1.2.3",
            ("release", ("image",), {"ghcr.io/shop/widget:1.2.3": BOTH}, 0),
        ),
        (
            ["reusable"],
            "team/1.2.3",
            (
                "release",
                ("image",),
                {"ghcr.io/shop/widget:team-1.2.3": BOTH},
                0,
            ),
        ),
        (
            ["reusable-both"],
            "1.2.3",
            (
                "release",
                ("image",),
                {
                    "ghcr.io/shop/widget:1.2.3": BOTH,
                    "us-docker.pkg.dev/shop/sciplat/widget:1.2.3": BOTH,
                    "ghcr.io/shop/widget:latest": BOTH,
                    "us-docker.pkg.dev/shop/sciplat/widget:latest": BOTH,
                },
                0,
            ),
        ),
        (
            ["composite"],
            "1.2.3",
            (
                "push",
                ("image",),
                {
                    "ghcr.io/shop/widget:1.2.3": (),
                    "ghcr.io/shop/widget-worker:1.2.3": ("linux/amd64",),
                    "ghcr.io/shop/widget-worker:newest": ("linux/amd64",),
                },
                0,
            ),
        ),
        (
            ["script-tag"],
            "1.2.3",
            (
                "push",
                ("image",),
                {
                    "docker.io/shop/widget:1.2.3": ("linux/amd64",),
                    "ghcr.io/shop/widget:1.2.3": ("linux/amd64",),
                },
                0,
            ),
        ),
        (
            ["metadata"],
            "v1.2.3",
            (
                "push",
                ("Publish the image",),
                {
                    f"{name}:{tag}": BOTH
                    for name in (
                        "ghcr.io/shop/widget",
                        "docker.io/shop/widget",
                    )
                    for tag in ("1.2.3", "1.2", "latest")
                },
                0,
            ),
        ),
        (
            ["metadata"],
            "v1.3.0-rc.1",
            (
                "push",
                ("Publish the image",),
                {
                    "ghcr.io/shop/widget:1.3.0-rc.1": BOTH,
                    "docker.io/shop/widget:1.3.0-rc.1": BOTH,
                },
                0,
            ),
        ),
        (
            ["manifest"],
            "a/1.2.3",
            (
                "push",
                ("manifest",),
                {
                    "docker.io/shop/server:a-1.2.3": BOTH,
                    "ghcr.io/shop/server:a-1.2.3": BOTH,
                    "docker.io/shop/database:a-1.2.3": BOTH,
                    "ghcr.io/shop/the-database:a-1.2.3": BOTH,
                },
                0,
            ),
        ),
        (
            ["plain-docker"],
            "v1.2.3",
            (
                "push",
                ("image",),
                {"ghcr.io/shop/sidecar:v1.2.3": BOTH},
                2,
            ),
        ),
        (
            ["plain-docker"],
            "v1.2.3-rc.1",
            (
                "push",
                ("image",),
                {"ghcr.io/shop/sidecar:v1.2.3-rc.1": BOTH},
                2,
            ),
        ),
        (
            ["caller", "called"],
            "app@0.38.0",
            (
                "release",
                ("app / build",),
                {"ghcr.io/shop/widget:0.38.0": BOTH},
                0,
            ),
        ),
    ],
)
def test_find_publication(
    names: list[str], tag: str, expected: tuple[Any, ...]
) -> None:
    assert summary(find(*names, tag=tag)) == expected


@pytest.mark.parametrize(
    ("names", "tag"),
    [
        (["library"], "1.2.3"),
        (["misplaced"], "1.2.3"),
        (["called"], "1.2.3"),
        (["metadata"], "v0.9.0"),
        (["metadata"], "1.2.3"),
        (["caller", "called"], "client@1.0.0"),
    ],
)
def test_find_nothing(names: list[str], tag: str) -> None:
    assert find(*names, tag=tag) is None


def test_hidden() -> None:
    publication = find("hidden")
    assert publication
    assert [(i.name, i.tag, i.is_assumed) for i in publication.images] == [
        ("ghcr.io/shop/certain", "1.2.3", False),
        ("ghcr.io/shop/widget", "1.2.3", True),
    ]
    assert publication.jobs == (
        "name-in-a-secret", "tag-from-a-program", "certain",
    )  # fmt: skip
    joined = " | ".join(publication.unsure)
    for part in (
        "job unknown-action uses somebody/docker-build-tag-push",
        "job elsewhere runs make docker-push",
        "whether job perhaps pushes ghcr.io/shop/perhaps:1.2.3",
        "the name of the image ${{ secrets.HUB_USER }}/widget:1.2.3",
    ):
        assert part in joined
    assert len(publication.unsure) == 4


def test_tag_that_no_file_says_is_assumed() -> None:
    publication = find("script-tag")
    assert publication
    assert publication.jobs == ("image",)
    assert publication.unsure == ()
    assert [image.is_assumed for image in publication.images] == [True, True]
    said = find("script-tag", images=("ghcr.io/shop/widget",))
    assert said
    assert said.images == (
        Image(
            name="ghcr.io/shop/widget", tag="1.2.3", platforms=("linux/amd64",)
        ),
    )


def test_push_in_a_text_for_another_program_is_doubted() -> None:
    publication = find_steps(
        '{run: "docker push x.io/a:1\\nssh host <<EOF\\ndocker push b:1'
        '\\nEOF"}'
    )
    assert publication
    assert [image.name for image in publication.images] == ["x.io/a"]
    assert len(publication.unsure) == 1


def test_settings_name_the_image_of_one_of_several_services() -> None:
    publication = find(
        "library", images=("ghcr.io/shop/app",), tag="app@1.2.3"
    )
    assert publication
    assert [image.tag for image in publication.images] == ["1.2.3"]


def test_tag_for_the_commit() -> None:
    def tags(rules: str) -> list[str]:
        step = {
            "id": "meta",
            "uses": "docker/metadata-action@v6",
            "with": {"images": "ghcr.io/shop/widget", "tags": rules},
        }
        build = {
            "uses": "docker/build-push-action@v7",
            "with": {"push": True, "tags": "${{ steps.meta.outputs.tags }}"},
        }
        document = {
            "on": "release",
            "jobs": {"image": {"steps": [step, build]}},
        }
        found = find_publication(
            {".github/workflows/ci.yaml": json.dumps(document)},
            repository="Shop/Widget",
            tag="1.2.3",
            commit="860c1904a1ce19322e91ac35af1ab07466440c37",
        )
        assert found
        assert not found.unsure
        return [image.tag for image in found.images]

    assert tags("type=sha") == ["sha-860c190"]
    # A push to a branch makes it too, so it is no sign of the release.
    assert tags("type=sha\ntype=ref,event=tag") == ["1.2.3", "latest"]


def test_part_of_a_tag_is_not_assumed() -> None:
    publication = find_steps(
        "run: docker push x.io/a:pre-$(date +%F)",
        "run: docker push x.io/b:${GITHUB_SHA}",
        "run: docker push x.io/c:${{ github.sha }}",
        "run: docker push x.io/$(cat NAME):1",
    )
    assert publication
    assert publication.images == ()
    assert len(publication.unsure) == 4


@pytest.mark.parametrize("permissions", ["contents: read", "packages: write"])
def test_workflow_of_another_repository_is_not_known(permissions: str) -> None:
    text = f"""
    on: {{release: {{types: [published]}}}}
    jobs:
      ship:
        permissions: {{{permissions}}}
        uses: shop/tools/.github/workflows/ship.yaml@v1
    """
    publication = find_publication(
        {"x.yaml": text}, repository="shop/widget", tag="1.2.3"
    )
    assert publication
    assert publication.images == ()
    (doubt,) = publication.unsure
    assert (
        "calls shop/tools/.github/workflows/ship.yaml@v1, which may" in doubt
    )


def test_several_workflows() -> None:
    publication = find("reusable", "composite")
    assert publication
    assert publication.workflow == ".github/workflows/reusable.yaml"
    assert len(publication.images) == 3
    (sentence,) = publication.unsure
    assert sentence == (
        ".github/workflows/composite.yaml publishes images too, but only"
        " .github/workflows/reusable.yaml is watched"
    )


def test_settings() -> None:
    publication = find(
        "reusable", "composite", workflow="composite.yaml",
        images=(
            # As people write it, and with the digest of an earlier one.
            f"ghcr.io/Shop/Widget:1.0@sha256:{'0' * 64}",
            "quay.io/shop/other",
        ),
        platforms=("linux/arm64/v8",),
    )  # fmt: skip
    assert publication
    assert publication.workflow == ".github/workflows/composite.yaml"
    assert publication.event == "push"
    assert [(i.name, i.tag, i.platforms) for i in publication.images] == [
        ("ghcr.io/shop/widget", "1.2.3", ("linux/arm64",)),
        ("quay.io/shop/other", "1.2.3", ("linux/arm64",)),
    ]
    assert publication.unsure == ()


def test_settings_without_detection() -> None:
    images = ("ghcr.io/shop/widget",)
    publication = find("library", images=images, tag="t/1.2.3")
    assert publication
    assert publication.workflow == ".github/workflows/library.yaml"
    assert publication.event == "release"
    assert [i.tag for i in publication.images] == ["t-1.2.3"]

    publication = find("library", workflow=".github/workflows/library.yaml")
    assert publication
    assert publication.images == ()
    assert publication.unsure == ()

    publication = find("misplaced", workflow="misplaced.yaml")
    assert publication
    assert publication.unsure == (
        "no release starts .github/workflows/misplaced.yaml",
    )

    publication = find(images=images)
    assert publication
    assert publication.workflow == ""

    assert find("reusable", images=()) is None
    with pytest.raises(UsageError, match=r"gone\.yaml"):
        find("reusable", workflow="gone.yaml")


def test_explain_absence() -> None:
    for name, expected in [
        (
            "misplaced",
            (
                (
                    ".github/workflows/misplaced.yaml publishes images, but no"
                    " release starts it: `release` is indented under `push`"
                ),
            ),
        ),
        ("library", ()),
        ("reusable", ()),
    ]:
        found = explain_absence(
            workflows(name), repository="shop/widget", tag="1.2.3"
        )
        assert expected == tuple(each.sentence for each in found)


def find_steps(
    *steps: str, other: Mapping[str, str] = OTHER, job: str = ""
) -> Publication | None:
    """Find what a single job on a tag publishes."""
    lines = ["on: push", "jobs:", "  work:"]
    lines += [f"    {line}" for line in job.splitlines()]
    lines += ["    steps:", *(f"      - {step}" for step in steps)]
    return find_publication(
        {".github/workflows/x.yaml": "\n".join(lines)},
        repository="shop/widget",
        tag="1.2.3",
        read=other.get,
    )


def test_step_conditions() -> None:
    publication = find_steps(
        "{if: github.event_name == 'release', run: docker push x.io/never:1}",
        "{if: vars.X, run: docker push x.io/perhaps:1}",
        "{if: vars.X, id: some, run: 'echo tag=5 >> $GITHUB_OUTPUT'}",
        "run: docker push x.io/some:${{ steps.some.outputs.tag }}",
        "{if: vars.X, run: 'echo TAG=6 >> $GITHUB_ENV'}",
        "run: docker push x.io/env:$TAG",
        "run: docker push x.io/sure:1",
    )
    assert publication
    assert [(i.name, i.is_assumed) for i in publication.images] == [
        ("x.io/sure", False), ("x.io/some", True), ("x.io/env", True),
    ]  # fmt: skip
    (doubt,) = publication.unsure
    assert "x.io/perhaps" in doubt


def test_environment_of_a_script_that_may_not_run() -> None:
    publication = find_steps(
        "run: echo TAG=1 >> $GITHUB_ENV",
        "run: docker push x.io/one:$TAG",
        "run: while read x; do echo TAG=2 >> $GITHUB_ENV; done",
        "run: docker push x.io/two:$TAG",
    )
    assert publication
    assert [(i.name, i.is_assumed) for i in publication.images] == [
        ("x.io/one", False), ("x.io/two", True),
    ]  # fmt: skip


def test_doubts_about_whole_jobs() -> None:
    login = "uses: docker/login-action@v3"
    assert find_steps(login, job="name: Test") is None
    publication = find_steps(login, job="name: Ship it")
    assert publication
    assert publication.unsure == (
        "job Ship it logs in to a registry, so it may publish images",
    )
    releaser = "uses: goreleaser/goreleaser-action@v6"
    assert find_steps(releaser, other={".goreleaser.yml": "builds:"}) is None
    for text in ("dockers:", "kos:\n- id: x"):
        publication = find_steps(releaser, other={".goreleaser.yml": text})
        assert publication
        assert "GoReleaser" in publication.unsure[0]


def test_job_after_skipped_job() -> None:
    text = """
    on: push
    jobs:
      skipped:
        if: github.event_name == 'release'
        steps: [run: docker push x.io/skipped:1]
      follows:
        needs: skipped
        steps: [run: docker push x.io/follows:1]
      anyway:
        needs: [skipped]
        if: always() && needs.skipped.result == 'skipped'
        steps: [run: docker push x.io/anyway:1]
    """
    publication = find_publication(
        {"x.yaml": text}, repository="shop/widget", tag="1.2.3"
    )
    assert publication
    assert publication.jobs == ("anyway",)
    assert publication.unsure == ()


def test_reads_only_inside() -> None:
    asked = []

    def read(path: str) -> None:
        asked.append(path)

    find_publication(
        {
            "x.yaml": """
            on: push
            jobs:
              a: {uses: ./../../x.yaml}
              b:
                steps:
                  - uses: ./../up
                  - uses: ./in
            """
        },
        repository="shop/widget",
        tag="1.2.3",
        read=read,
    )
    assert sorted(set(asked)) == ["in/action.yaml", "in/action.yml"]


def test_patience() -> None:
    steps = ["&s {run: 'docker push x.io/y:1'}", *["*s"] * 6000]
    publication = find_steps(*steps)
    assert publication
    assert "too large" in publication.unsure[0]


HOSTILE = {
    "bomb": "a: &a [x, x]\n"
    + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
        for a, b in zip("abcdefghijklm", "bcdefghijklmn", strict=True)
    ),
    "deep": "[" * 5000,
    "deep blocks": "".join(f"{' ' * n}a:\n" for n in range(500)),
    "twice": "on: push\non: release\n",
    "large": "#" * ((1 << 20) + 1),
    "many": "- 1\n" * 30_000,
    "itself": "a: &a [*a]",
    "documents": "a: 1\n---\nb: 2\n",
    "tab": "a:\n\t- b\n",
    "unclosed": "a: 'b\n",
    "control": "a: \x07",
    "key": "? [a]\n: b\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_document(name: str) -> None:
    path = ".github/workflows/x.yaml"
    keywords: dict[str, Any] = {"repository": "a/b", "tag": "1.0.0"}
    publication = find_publication({path: HOSTILE[name]}, **keywords)
    assert publication
    assert publication.images == ()
    assert len(publication.unsure) == 1
    assert publication.unsure[0].startswith(path)
    with pytest.raises(ReleaseError):
        find_publication(
            {path: HOSTILE[name]}, **keywords, config=Config(workflow=path)
        )


EXPANDING = {
    "format": "format('{0}{0}{0}{0}{0}{0}{0}{0}', " * 40 + "'x'" + ")" * 40,
    "logic": " && ".join(["github.actor"] * 3000),
    "not": "!" * 5000 + "true",
    "parentheses": "(" * 5000 + "true" + ")" * 5000,
    "dots": "github" + ".a" * 9000,
    "compare": "(" * 40 + "!(x == y)" + " == !z)" * 40,
    "json": "fromJSON('" + "[" * 20000 + "')",
    "quotes": "'" * 20001,
}


@pytest.mark.parametrize("name", EXPANDING)
def test_hostile_expression(name: str) -> None:
    document = (
        "on: push\njobs:\n  a:\n"
        f'    if: "{EXPANDING[name]}"\n'
        "    steps:\n"
        f'      - run: docker push "x/y:${{{{ {EXPANDING[name]} }}}}"\n'
        f'        if: "{EXPANDING[name]}"\n'
    )
    find_publication(
        {".github/workflows/x.yaml": document}, repository="a/b", tag="1"
    )


SCRIPTS = {
    "doubling": "A=aaaaaaaa\n" + 'A="$A$A"\n' * 500 + "docker push x/y:$A",
    "nested": "$(" * 3000 + ")" * 3000,
    "loops": "for a in 1 2 3 4 5 6 7 8 9; do " * 12 + "echo" + "; done" * 12,
    "recursion": "f() { f; f; }\nf",
    "branches": 'if [ "$U" = 1 ]; then ' * 35 + "echo" + "; fi" * 35,
    "chain": 'if [ "$U" = 1 ]; then echo a; fi\n' * 3000,
    "itself": "bash scripts/me.sh",
    "stars": "A=" + "a" * 4000 + "\necho ${A##" + "*a" * 500 + "b}",
    "sed": "echo aaa | sed -E 's/" + "(a|aa)" * 40 + "/b/'",
    "forever": "while true; do docker push x/y; done",
    "words": "A='" + "a " * 20000 + "'\nfor x in $A; do docker push $x; done",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_hostile_script(name: str) -> None:
    script = "\n".join(f"          {s}" for s in SCRIPTS[name].split("\n"))
    document = (
        "on: push\njobs:\n  a:\n    steps:\n      - run: |\n" + script + "\n"
    )
    other = {"scripts/me.sh": "bash scripts/me.sh; bash scripts/me.sh\n"}
    find_publication(
        {".github/workflows/x.yaml": document},
        repository="a/b",
        tag="1",
        read=other.get,
    )


def test_hostile_structure() -> None:
    for jobs in (
        "[]", "3", "{a: 3}", "{a: {steps: 3}}", "{a: {needs: a}}",
        "{a: {uses: ./.github/workflows/x.yaml}}",
        "{a: {uses: {}}}", "{a: {strategy: {matrix: {x: {}}}}}",
        "{a: {strategy: {matrix: {x: [" + "1," * 400 + "1]}}}}",
        "{a: {strategy: 3, env: [1], outputs: [2], steps: [{uses: 3}]}}",
        "{a: {steps: [{run: {}, env: x, with: y, id: [], if: {}}]}}",
        "{a: {needs: [[], {}], name: {}, with: []}}",
    ):  # fmt: skip
        for on in ("push", "{push: 3}", "{push: {tags: {}}}", "[push, 3]"):
            text = f"on: {on}\njobs: {jobs}\n"
            find_publication(
                {".github/workflows/x.yaml": text}, repository="a/b", tag="1"
            )


PIECES = st.sampled_from(
    [
        "on: push", "on: {release: {types: [published]}}", "jobs:", "  a:",
        "    steps:", "      - uses: docker/build-push-action@v6", "  b:",
        "        with: {push: true, tags: 'x/y:${{ github.ref_name }}'}",
        "      - run: docker push x:$(echo ${GITHUB_REF##*/} | sed 's,/,-,')",
        "    if: ${{ always() && github.ref }}", "    needs: [a]", "  - *a",
        "    strategy: {matrix: {x: [1, 2], include: [{x: 1, y: 2}]}}",
        "      - id: x", "        run: |", "          if true; then",
        "          fi; case a in a) echo;; esac", "          cat <<EOF",
        "          EOF", "    name: ${{ matrix.x", "&a", "? ", "\t", "'",
        "        if: contains(fromJSON('[1,2]'), matrix.x)", "%YAML 1.1",
    ]
)  # fmt: skip


@settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    lines=st.lists(
        st.one_of(
            PIECES,
            st.text(max_size=20),
            st.tuples(PIECES, st.text(max_size=5)).map("".join),
        ),
        max_size=20,
    ),
    tag=st.text(max_size=20),
)
def test_never_anything_but_release_error(lines: list[str], tag: str) -> None:
    files = {".github/workflows/x.yaml": "\n".join(lines)}
    for workflow in (None, "x.yaml"):
        try:
            find_publication(
                files,
                repository="a/b",
                tag=tag,
                config=Config(workflow=workflow),
            )
        except ReleaseError:
            assert workflow is not None
    explain_absence(files, repository="a/b", tag=tag)


def test_images_know_what_they_were_called() -> None:
    text = (
        "on: {release: {types: [published]}}\n"
        "jobs:\n  b:\n    steps:\n"
        "      - uses: docker/build-push-action@v6\n        with:\n"
        "          push: true\n          tags: |\n"
        "            ghcr.io/${{ github.repository }}:1.0.0\n"
        "            quay.io/shop/fixed:1.0.0\n"
    )
    found = find_publication(
        {".github/workflows/ci.yaml": text},
        repository="new/name",
        tag="1.0.0",
        former=("old/name", "older/name"),
    )
    assert found is not None
    assert {image.name: image.former for image in found.images} == {
        "ghcr.io/new/name": ("ghcr.io/old/name", "ghcr.io/older/name"),
        "quay.io/shop/fixed": (),
    }

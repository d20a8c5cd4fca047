from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsp_release.publishing.scripts import read_script
from rsp_release.publishing.unknown import is_known, show

ENV = {"GITHUB_REF_NAME": "v1.2.3", "IMAGE": "ghcr.io/shop/widget"}

SAID = {
    "docker push $IMAGE:$GITHUB_REF_NAME": (
        "docker push ghcr.io/shop/widget:v1.2.3"
    ),
    'docker push "${IMAGE}:1"': "docker push ghcr.io/shop/widget:1",
    "docker build \\\n  -t a/b:1 \\\n  --push .": (
        "docker build -t a/b:1 --push ."
    ),
    "N=a/b; docker push $N:1": "docker push a/b:1",
    "export N=a/b\ndocker push $N:1": "docker push a/b:1",
    "docker push 'a/b:$X'": "docker push a/b:$X",
    "docker push a/b:1 # done": "docker push a/b:1",
    "docker push a/b:$(date)": "docker push a/b:${{ script }}",
    "docker push a/b:`date`": "docker push a/b:${{ script }}",
    "docker push a/b:${GITHUB_REF##*/}": ("docker push a/b:${{ GITHUB_REF }}"),
    "docker push a/b:1 2>&1": "docker push a/b:1",
    "docker push a/b:1 > log 2> errors": "docker push a/b:1",
    'docker push "" a/b:1': "docker push  a/b:1",
    "docker push a/b:$UNSET": "docker push a/b:${{ UNSET }}",
}


@pytest.mark.parametrize("text", SAID)
def test_command(text: str) -> None:
    (call,) = read_script(text, env=ENV).calls
    assert show(" ".join(call.argv)) == SAID[text]
    assert call.is_certain


def test_commands_of_a_line() -> None:
    script = read_script(
        "docker push a:1 && docker push b:2 | tee log > file", env={}
    )
    assert [call.argv for call in script.calls] == [
        ("docker", "push", "a:1"), ("docker", "push", "b:2"), ("tee", "log"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "if true; then docker push a:1; fi",
        "for x in 1 2; do\n  docker push a:1\ndone",
        "while read x; do docker push a:1; done",
        "ship() {\n  docker push a:1\n}",
    ],
)
def test_what_may_not_happen_is_not_certain(text: str) -> None:
    calls = read_script(f"{text}\ndocker push b:1", env={}).calls
    found = {
        call.argv[2]: call.is_certain
        for call in calls
        if call.argv[:2] == ("docker", "push")
    }
    assert found == {"a:1": False, "b:1": True}


def test_what_later_steps_are_handed() -> None:
    script = read_script(
        'echo "tag=$GITHUB_REF_NAME" >> "$GITHUB_OUTPUT"\n'
        "echo ::set-output name=old::1\n"
        "echo X=2 >> ${GITHUB_ENV}\n"
        "if true; then echo some=3 >> $GITHUB_OUTPUT; fi\n"
        "echo nowhere=4\n",
        env=ENV,
    )
    assert script.env == {"X": "2"}
    assert script.outputs.pop("some") != "3"
    assert script.outputs == {"tag": "v1.2.3", "old": "1"}


def test_here_document_is_no_command() -> None:
    script = read_script("cat > f <<'EOF'\ndocker push a:1\nEOF\ntrue", env={})
    assert [call.argv[0] for call in script.calls] == ["cat", "true"]
    assert "docker push a:1" in script.unread


def test_quotes_that_span_lines_are_not_read() -> None:
    script = read_script('bash -c "\n  docker push a:1\n"\ntrue', env={})
    assert [call.argv[0] for call in script.calls] == ["docker", "true"]
    assert script.unread == ['bash -c "', '"']


def test_variable_that_may_be_set_is_unknown() -> None:
    script = read_script("X=1\nif y; then X=2; fi\nrun $X", env={})
    assert not is_known(script.calls[-1].argv[1])


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["if", "fi", "$(", ")", "`", "'", '"', "<<E", "E", "\n", ";",
                 "${", "}", "for x in", "done", ">>", "$GITHUB_OUTPUT", "\\"]
            ),
            st.text(max_size=5),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_any_text_is_read(pieces: list[str]) -> None:
    read_script(" ".join(pieces), env=ENV)

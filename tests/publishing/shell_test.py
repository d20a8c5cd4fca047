from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsp_release.publishing.shell import run_script
from rsp_release.publishing.unknown import is_known, show

ENV = {
    "GITHUB_REF": "refs/tags/team/v1.2.3",
    "GITHUB_REF_NAME": "team/v1.2.3",
    "GITHUB_REPOSITORY": "Shop/Widget",
    "GITHUB_HEAD_REF": "",
    "EMPTY": "",
}
FILES = {
    "VERSION": "7.7\n",
    "bin/tag.sh": "#!/bin/sh\nset -e\necho ${GITHUB_REF##*/}\nexit 0\n",
    "bin/lib.sh": 'name() { echo "<$1>"; return 0; }\n',
    "bin/tag.py": "#!/usr/bin/env python3\nprint(1)\n",
    "package.json": '{"version": "4.5.6"}',
}

KNOWN = {
    "X=${GITHUB_REF#refs/tags/}": "team/v1.2.3",
    "X=${GITHUB_REF##*/}": "v1.2.3",
    "X=${GITHUB_REF_NAME%/*}": "team",
    "X=${GITHUB_REF%%/*}": "refs",
    "X=${GITHUB_REF_NAME//\\//-}": "team-v1.2.3",
    "X=${GITHUB_REF/refs/heads}": "heads/tags/team/v1.2.3",
    'P=refs/tags/; X="${GITHUB_REF/$P/}"': "team/v1.2.3",
    "X=${GITHUB_REPOSITORY,,}": "shop/widget",
    "X=${GITHUB_REPOSITORY:0:4}": "Shop",
    "X=${#GITHUB_REPOSITORY}": "11",
    "X=${EMPTY:-other}": "other",
    "X=${GITHUB_REF_NAME:+set}": "set",
    'X="a b"; X="$X"c': "a bc",
    "X='$A'": "$A",
    "X=a\\ b": "a b",
    "X=`echo hi`": "hi",
    "X=$(echo $GITHUB_REF | sed -E 's,refs/(heads|tags)/,,')": "team/v1.2.3",
    "X=$(echo $GITHUB_REF | sed 's#^refs/tags/##; s#/#-#g')": "team-v1.2.3",
    "X=$(echo $GITHUB_REF | sed -e 's/\\//-/' -e s/v//)": (
        "refs-tags/team/1.2.3"
    ),
    "X=$(echo $GITHUB_REF | cut -d / -f 3-)": "team/v1.2.3",
    "X=$(echo $GITHUB_REF | cut -d/ -f4)": "v1.2.3",
    "X=$(echo $GITHUB_REPOSITORY | cut -c1-4)": "Shop",
    "X=$(echo $GITHUB_REPOSITORY | tr A-Z a-z)": "shop/widget",
    "X=$(echo $GITHUB_REPOSITORY | tr '[:upper:]' '[:lower:]')": "shop/widget",
    "X=$(tr / - <<< $GITHUB_REF_NAME)": "team-v1.2.3",
    "X=$(basename $GITHUB_REF)": "v1.2.3",
    "X=$(basename /a/b.sh .sh)": "b",
    "X=$(dirname a/b/c)": "a/b",
    "X=$(printf '%s-%s' a b)": "a-b",
    "X=$(printf 'a\\nb\\n' | head -n 1)": "a",
    "X=$(cat VERSION)": "7.7",
    "X=$(< VERSION)": "7.7",
    "X=$(bin/tag.sh)": "v1.2.3",
    "X=$(bash ./bin/tag.sh)": "v1.2.3",
    "X=$(cd bin; sh tag.sh)": "v1.2.3",
    '. bin/lib.sh; X=$(name "a b")': "<a b>",
    "if [ -n \"$GITHUB_HEAD_REF\" ]; then X=a; else X=b; fi": "b",
    "if [ -z '' ] && [ a != b ]; then X=a; fi": "a",
    "if [[ $GITHUB_REF == refs/tags/* && ! a == b ]]; then X=a; fi": "a",
    "if ! false; then X=a; fi": "a",
    "if true; then\nX=a\nelif true; then X=b; fi": "a",
    "X=a; [ a = b ] && X=c": "a",
    "X=a; [ a = b ] || X=c": "c",
    "X=a; (X=b)": "a",
    "X=a; { X=b; }": "b",
    "f() { X=$1; }; f one": "one",
    "X=; for i in a b 'c d'; do X=\"$X$i,\"; done": "a,b,c d,",
    "L='a b'; X=; for i in $L; do X+=$i.; done": "a.b.",
    "case $GITHUB_REF in refs/heads/*) X=a ;; refs/tags/*|x) X=b ;; esac": "b",
    "X=$(cat <<EOF\nhi $GITHUB_REPOSITORY\nEOF\n)": "hi Shop/Widget",
    "X=$(cat <<'EOF'\nhi $A\nEOF\n)": "hi $A",
    "X=a # comment": "a",
    "X=a \\\n  ; X=b": "b",
    "export X=a": "a",
    "Y=b bash -c true; X=${Y-a}": None,
    "X=a; if grep -q a b; then X=b; fi": None,
    "X=$(git describe --tags)": None,
    "X=$(bin/tag.py)": None,
    "X=$UNSET": None,
    "X=$(cat missing)": None,
    "X=$(echo abc | sed 's/a*/x/')": None,
    "X=$(node -p \"require('./package.json').version\")": "4.5.6",
    "X=$(node -e \"console.log(require('./package.json').version)\")": "4.5.6",
    "X=$(jq -r .version package.json)": "4.5.6",
    "X=$(jq -r .name package.json)": None,
}  # fmt: skip


@pytest.mark.parametrize("script", KNOWN)
def test_value(script: str) -> None:
    text = f'{script}\necho "x=$X" >> "$GITHUB_OUTPUT"\n'
    result = run_script(text, env=ENV, read=FILES.get)
    assert result.is_readable
    expected = KNOWN[script]
    if expected is None:
        assert not is_known(result.outputs["x"])
    else:
        assert result.outputs == {"x": expected}


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not there")
def test_bash_agrees(tmp_path: Path) -> None:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    for script, expected in KNOWN.items():
        if expected is None or "node" in script or "jq" in script:
            continue
        ended = subprocess.run(
            ["bash", "-e", "-c", f'{script}\nprintf %s "$X"'],
            cwd=tmp_path,
            env={**ENV, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=True,
            text=True,
        )
        assert ended.stdout == expected, script


def test_outputs() -> None:
    script = """
    echo ::set-output name=old::1
    echo "new=2" >> $GITHUB_OUTPUT
    echo "env=3" >> ${GITHUB_ENV}
    {
      echo "several<<END"
      echo one
      echo two
      echo END
    } >> "$GITHUB_OUTPUT"
    echo teed=4 | tee -a "$GITHUB_OUTPUT"
    """
    result = run_script(script, env=ENV, read=FILES.get)
    assert result.outputs == {
        "old": "1",
        "new": "2",
        "several": "one\ntwo",
        "teed": "4",
    }
    assert result.env == {"env": "3"}


def test_calls() -> None:
    script = """
    docker build -t a/b:1 . && docker push "a/b:1"
    if [ "$UNSET" = x ]; then docker push a/b:perhaps; fi
    [ -n "$GITHUB_HEAD_REF" ] && docker push a/b:never
    if [ "$UNSET" = x ]; then echo bad; exit 1; fi
    for tag in 1 latest; do docker push "a/b:$tag"; done
    docker login -u x || true
    docker inspect a/b && docker push a/b:asked
    """
    result = run_script(script, env=ENV, read=FILES.get)
    assert [
        (call.argv[-1], call.is_certain)
        for call in result.calls
        if call.argv[1] == "push"
    ] == [
        ("a/b:1", True),
        ("a/b:perhaps", False),
        ("a/b:1", True),
        ("a/b:latest", True),
        ("a/b:asked", False),
    ]


def test_branches_differ() -> None:
    script = """
    if [ "$UNSET" = x ]; then
      echo a=1 >> $GITHUB_OUTPUT
      same=1
    else
      echo a=2 >> $GITHUB_OUTPUT
      same=1
    fi
    echo b=$same >> $GITHUB_OUTPUT
    """
    outputs = run_script(script, env=ENV, read=FILES.get).outputs
    assert show(outputs["a"]) == "${{ a }}"
    assert outputs["b"] == "1"


@pytest.mark.parametrize(
    "script",
    [
        "while true; do :; done",
        "eval 'X=1'",
        "read X",
        "X=(a b)",
        "X=$((1 + 1))",
        "diff <(echo a) <(echo b)",
        "if true; then",
        "echo 'a",
        "[[ a == b",
        '[[ $X == "v*" ]]',
        "[ a = b ]; docker push x",
        "false",
        "exit 3",
        "echo a &",
        ". missing.sh",
        'if [ "$UNSET" = x ]; then exit 0; fi; echo x=1',
        "for i in a b; do break; done",
        "unset X",
        ";;",
        ")",
    ],
)
def test_unreadable(script: str) -> None:
    assert not run_script(script, env=ENV, read=FILES.get).is_readable


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(alphabet="ab $(){}'\"`\\;|&<>=[]!#\n/-*?:%,.~", max_size=50))
def test_any_text(text: str) -> None:
    run_script(text, env=ENV, read=FILES.get)


WORDS = st.sampled_from(
    [
        "if", "then", "fi", "else", "elif", "for", "in", "do", "done", "case",
        "esac", ";;", "{", "}", "(", ")", "[", "]", "[[", "]]", "a", "$X",
        '"$X"', "$(echo", "X=1", "X+=", "&&", "||", "|", ";", "\n", "exit",
        "return", "f()", "f", "<<E", "E", ">", ">>", "$GITHUB_OUTPUT", "sed",
        "s/a/b/", "cut", "-d", "tr", "cat", "${X#a}", "${X/a/b}", "!", "-n",
        "=", "cd", "source", "bin/tag.sh", "sh", "export", "basename", "tee",
    ]
)  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=25))
def test_any_words(words: list[str]) -> None:
    run_script(" ".join(words), env=ENV, read=FILES.get)

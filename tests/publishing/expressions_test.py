from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsp_release.publishing.expressions import condition, fill, fill_all
from rsp_release.publishing.unknown import is_known, show, unknown

CONTEXTS: dict[str, Any] = {
    "github": {
        "event_name": "release",
        "event": {"action": "published", "release": {"tag_name": "1.2.3"}},
        "ref": "refs/tags/1.2.3",
        "head_ref": "",
        "repository": "Shop/Widget",
        "*": unknown("github"),
    },
    "env": {"NAME": "widget", "COUNT": "3"},
    "matrix": {"names": ["a", "b"], "product": {"name": "x y"}},
    "needs": {
        "a": {"result": "success", "outputs": {"tag": "1.2.3"}},
        "b": {"result": "skipped", "outputs": {}},
    },
    "secrets": {"*": unknown("secrets")},
    "inputs": {"push": True, "tag": "", "number": 2.0},
    "*status*": {"success": True, "always": True, "failure": False},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a ${{ env.NAME }} b", "a widget b"),
        ("${{ ENV.name }}", "widget"),
        ("${{ env['NAME'] }}", "widget"),
        ("${{ github.event.release.tag_name }}", "1.2.3"),
        ("${{ github.event.pull_request.head.sha }}", ""),
        ("${{ matrix.product.name }}", "x y"),
        ("${{ matrix.names[1] }}", "b"),
        ("${{ join(matrix.names, '-') }}", "a-b"),
        ("${{ format('{0}/{1}{{}}', 'a', env.NAME) }}", "a/widget{}"),
        ("${{ 'it''s }} fine' }}", "it's }} fine"),
        ("${{ inputs.tag || env.NAME }}", "widget"),
        ("${{ inputs.push && 'yes' || 'no' }}", "yes"),
        ("${{ inputs.push }}", "true"),
        ("${{ inputs.number }}", "2"),
        ("${{ !inputs.push }}", "false"),
        ("${{ null }}", ""),
        ("${{ 1 == '1' }}", "true"),
        ("${{ 0x10 == 16 }}", "true"),
        ("${{ 'A' == 'a' }}", "true"),
        ("${{ '' == null }}", "true"),
        ("${{ 'x' == 0 }}", "false"),
        ("${{ 2 > 1 && 1 <= 1 }}", "true"),
        ("${{ contains('Hello', 'hell') }}", "true"),
        ("${{ contains(matrix.names, 'B') }}", "true"),
        ("${{ contains(fromJSON('[\"push\", \"x\"]'), 'pus') }}", "false"),
        ("${{ startsWith(github.ref, 'REFS/tags/') }}", "true"),
        ("${{ endsWith(github.ref, '.3') }}", "true"),
        ("${{ fromJSON('true') == true }}", "true"),
        ("${{ matrix.product.* }}", "Array"),
        ('${{ join(fromJSON(\'[{"a":1},{"a":2}]\').*.a) }}', "1,2"),
        ("${{ join(fromJSON('[[1,2],[3]]').*.*, '+') }}", "1+2+3"),
        ("${{ join(fromJSON('[[1,2],[3]]').*[1], '+') }}", "2"),
        ("${{ join(matrix.*.name) }}", "x y"),
        ("${{ contains(needs.*.result, 'success') }}", "true"),
        ("${{ contains(needs.*.result, 'failure') }}", "false"),
        ("${{ join(needs.*.outputs.tag) }}", "1.2.3"),
        ("${{ matrix.names[1.9] }}", "b"),
        ("${{ github.ref[0] }}", ""),
        ("${{ NaN || Infinity }}", "Infinity"),
        ("${{ format(true) }}", "true"),
        ("${{ 12345678901234567890.0 }}", "1.23456789012346E+19"),
    ],
)
def test_fill(text: str, expected: str) -> None:
    assert fill(text, CONTEXTS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:${{ secrets.X }}", "a:${{ secrets.X }}"),
        ("${{ github.actor }}", "${{ github.actor }}"),
        ("${{ vars.X }}", "${{ vars.X }}"),
        ("${{ hashFiles('x') }}", "${{ hashfiles() }}"),
        ("${{ secrets.X || 'y' }}", "${{ secrets.X }}"),
        ("${{ format('{0}', secrets.X) }}", "${{ secrets.X }}"),
        ("${{ 1 + 1 }}", "${{ expression }}"),
        ("${{ open", "${{ open }}"),
        ("${{ format('{9}', 1) }}", "${{ expression }}"),
        ("${{ format('{0}}', 1) }}", "${{ expression }}"),
        ("${{ join(secrets.*.x) }}", "${{ secrets.*.x }}"),
    ],
)
def test_unknown(text: str, expected: str) -> None:
    filled = fill(text, CONTEXTS)
    assert not is_known(filled)
    assert show(filled) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, True),
        (True, True),
        (False, False),
        ("${{ inputs.push }}", True),
        ("github.event_name == 'release'", True),
        ("github.event_name == 'push'", False),
        ("github.event_name == 'push' || always()", True),
        ("failure()", False),
        ("secrets.X == 'a'", None),
        ("secrets.X == 'a' && github.event_name == 'push'", False),
        ("github.event_name == 'push' && secrets.X == 'a'", False),
        ("secrets.X == 'a' || github.event_name == 'release'", True),
        ("!(secrets.X == 'a' && inputs.tag)", True),
        ("!cancelled()", None),
        ("text ${{ inputs.tag }}", None),
        ("not an expression", None),
        (
            (
                "(github.event_name == 'release'\n  && github.event.action"
                " == 'published')\n|| startsWith(github.head_ref, 't/')\n"
            ),
            True,
        ),
    ],
)
def test_condition(text: Any, *, expected: bool | None) -> None:
    assert condition(text, CONTEXTS) is expected


def test_condition_after_skipped_job() -> None:
    skipped = {**CONTEXTS, "*status*": {"success": False, "always": True}}
    assert condition(None, skipped) is False
    assert condition("inputs.push", skipped) is False
    assert condition("always() && inputs.push", skipped) is True
    unsure = {**CONTEXTS, "*status*": {"success": unknown("needs")}}
    assert condition(None, unsure) is None
    assert condition("inputs.tag", unsure) is False


def test_fill_all() -> None:
    tree = {
        "a": "${{ fromJSON('[1, {\"b\": 2}]') }}",
        "c": ["${{ env.NAME }}"],
    }
    assert fill_all(tree, CONTEXTS) == {
        "a": [1, {"b": 2}],
        "c": ["widget"],
    }


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(alphabet="abgithub.env'\"()[]!&|=<>, {}$*0123", max_size=60))
def test_any_text_is_filled(text: str) -> None:
    condition(text, CONTEXTS)
    fill("${{" + text + "}}", CONTEXTS)
    fill_all({"x": [text]}, CONTEXTS)

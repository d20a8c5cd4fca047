"""What Argo CD's answers say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsp_release.models.rollout import Past, Source
from rsp_release.storage.argocd import answers
from rsp_release.storage.argocd.answers import (
    iterate_items,
    parse_application,
    parse_nodes,
)

from .applications import COMMIT, OLD, make_application


def test_application() -> None:
    found = parse_application(make_application())
    assert found is not None
    assert (found.name, found.namespace) == ("nublado", "argocd")
    assert (found.project, found.is_automated) == ("rsp", False)
    assert (found.sync, found.health) == ("OutOfSync", "Degraded")
    assert found.revisions == (COMMIT,)
    assert found.sources == (
        Source(
            repository="https://github.com/lsst-sqre/phalanx.git",
            path="applications/nublado",
            target_revision="main",
        ),
    )
    assert found.images == ("ghcr.io/lsst-sqre/nublado-controller:8.2.0",)
    assert [(r.kind, r.name, r.needs_pruning) for r in found.out_of_sync] == [
        ("ConfigMap", "config", False),
        ("Secret", "old", True),
    ]
    assert [(r.kind, r.name) for r in found.degraded] == [
        ("Deployment", "controller")
    ]
    assert "progress deadline" in found.degraded[0].message
    assert found.history[0] == Past(
        id=41,
        revisions=(OLD,),
        deployed_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    )
    assert found.since == datetime(2026, 11, 28, 12, 4, 5, tzinfo=UTC)
    assert found.compared_at == datetime(2026, 11, 28, 12, 5, tzinfo=UTC)
    # The password of a repository goes no further.
    assert len(found.conditions) == 1
    assert found.conditions[0] == (
        "ComparisonError: failed to fetch https://github.com/lsst-sqre/phalanx"
    )


def test_operation() -> None:
    found = parse_application(make_application())
    assert found is not None
    operation = found.operation
    assert operation is not None
    assert (operation.phase, operation.is_running) == ("Failed", False)
    assert operation.revisions == (COMMIT,)
    assert operation.marker == "8.2.0 (a1b2)"
    assert (operation.initiated_by, operation.is_automated) == ("rra", False)
    assert operation.started == datetime(2026, 11, 28, 12, 2, tzinfo=UTC)
    assert operation.finished == datetime(2026, 11, 28, 12, 3, tzinfo=UTC)
    # What failed comes first.
    assert [r.name for r in operation.resources] == ["migrate", "config"]
    assert [r.name for r in operation.failed] == ["migrate"]
    assert operation.failed[0].hook_phase == "Failed"
    assert "backoff limit" in operation.failed[0].message


def test_operation_that_has_no_state_yet() -> None:
    """To ask for one removes the state of the last, for a moment."""
    data = make_application()
    state = data["status"].pop("operationState")
    data["operation"] = state["operation"]
    found = parse_application(data)
    assert found is not None
    assert found.operation is not None
    assert (found.operation.phase, found.operation.is_running) == ("", True)
    assert found.operation.marker == "8.2.0 (a1b2)"
    assert found.operation.revisions == (COMMIT,)
    del data["operation"]
    found = parse_application(data)
    assert found is not None
    assert found.operation is None


def test_several_sources() -> None:
    data = make_application()
    spec, status = data["spec"], data["status"]
    spec["sources"] = [spec.pop("source"), {"repoURL": "https://x/y"}]
    revisions = [COMMIT, "1.2.3"]
    status["sync"]["revisions"] = revisions
    status["sync"]["revision"] = ""
    status["operationState"]["syncResult"]["revisions"] = revisions
    status["history"][0]["revisions"] = revisions
    found = parse_application(data)
    assert found is not None
    assert [s.repository for s in found.sources] == [
        "https://github.com/lsst-sqre/phalanx.git",
        "https://x/y",
    ]
    assert found.revisions == (COMMIT, "1.2.3")
    assert found.operation is not None
    assert found.operation.revisions == (COMMIT, "1.2.3")
    assert found.history[0].revisions == (COMMIT, "1.2.3")


@pytest.mark.parametrize(
    ("policy", "is_automated"),
    [
        (None, False),
        ({}, False),
        ({"automated": {}}, True),
        ({"automated": {"prune": True}}, True),
        ({"automated": {"enabled": True}}, True),
        ({"automated": {"enabled": False}}, False),
    ],
)
def test_automation(policy: Any, *, is_automated: bool) -> None:
    data = make_application()
    data["spec"]["syncPolicy"] = policy
    found = parse_application(data)
    assert found is not None
    assert found.is_automated is is_automated


def test_new_application_has_no_status() -> None:
    found = parse_application({"metadata": {"name": "a"}, "spec": {}})
    assert found is not None
    assert (found.sync, found.health) == ("Unknown", "Unknown")
    assert (found.operation, found.since) == (None, None)
    assert (found.revisions, found.sources, found.images) == ((), (), ())


def _any_json() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
    return st.recursive(
        scalars | st.floats(allow_nan=False),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.text(max_size=3), inner, max_size=2)
        ),
        max_leaves=4,
    )


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    found = []
    for key, value in inner:
        found.append((*path, key))
        if isinstance(value, (dict, list)):
            found += _places(value, (*path, key))
    return found


@given(st.sampled_from(_places(make_application())), _any_json())
@settings(max_examples=60)
def test_no_value_is_trusted(place: tuple[Any, ...], value: Any) -> None:
    data = inner = make_application()
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    found = parse_application(data)
    assert found is None or isinstance(found.name, str)


def test_tree() -> None:
    def node(kind: str, health: Any, message: str = "") -> dict[str, Any]:
        about = {"kind": kind, "name": "a", "namespace": "n", "version": "v1"}
        return {**about, "health": {"status": health, "message": message}}

    tree = {
        "nodes": [
            {"kind": "ConfigMap", "name": "a"},
            node("Ingress", "Progressing"),
            node("Service", "Healthy"),
            node("Pod", "Degraded", "Back-off pulling image"),
            node("Job", "Missing"),
            node("Odd", "Sparkling"),
        ],
        "hosts": [],
    }
    found = parse_nodes(tree)
    assert [r.kind for r in found] == ["Pod", "Job", "Ingress"]
    assert found[0].message == "Back-off pulling image"
    assert parse_nodes({}) == ()


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every list be taken for a large one."""
    monkeypatch.setattr(answers, "_SMALL", 0)


@pytest.mark.usefixtures("_large")
@given(
    st.lists(st.dictionaries(st.text(), _any_json()), max_size=3),
    st.dictionaries(st.text(), _any_json(), max_size=2),
    st.dictionaries(st.text(), _any_json(), max_size=2),
    st.sampled_from([None, 0, 2]),
)
@settings(max_examples=30, suppress_health_check=["function_scoped_fixture"])  # type: ignore[list-item]
def test_items_of_a_large_list(
    items: list[Any], before: Any, after: Any, indent: int | None
) -> None:
    data = {**before, "items": items, **after, "items ": 1}
    data["items"] = items
    text = json.dumps(data, indent=indent).encode()
    assert list(iterate_items(text)) == items


@pytest.mark.parametrize("limit", [0, 1 << 20])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[]", "it is not JSON|it is no list"),
        ("{}", "it is not JSON|it is no list"),
        ('{"items": [{}', "it is not JSON"),
        ('{"items": [{},]}', "it is not JSON"),
        ('{"items": [{} {}]}', "it is not JSON"),
        ('{"items": []', "it is not JSON"),
        ('{"items": []} x', "it is not JSON|it is no list"),
        ('{"items" []}', "it is not JSON"),
        ('{"items": [' + '{"a":' * 5000, "nested too deeply|not JSON"),
        ('{"items": [{}],}', "it is not JSON"),
        ('{"items": {}}', "it is no list"),
    ],
)
def test_what_is_no_list(
    monkeypatch: pytest.MonkeyPatch, text: str, problem: str, limit: int
) -> None:
    monkeypatch.setattr(answers, "_SMALL", limit)
    with pytest.raises(ValueError, match=problem):
        list(iterate_items(text.encode()))


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_no_items_at_all(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(answers, "_SMALL", limit)
    assert list(iterate_items(b'{"metadata":{},"items":null}')) == []

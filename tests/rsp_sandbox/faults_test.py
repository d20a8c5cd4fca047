"""Faults: each does what its name says, at the request it is meant for."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.box import Sandbox
from tests.support.faults import FAULTS
from tests.support.sandbox import Answer, Client, ManualClock, git

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"
IMAGE = f"ghcr.io/{NAME}"

DONE = {
    "bad_gateway_after",
    "malformed_json",
    "reset_after",
    "slow",
    "stale",
    "truncated_json",
}
"""Faults after which a write is carried out."""

STATUS = {
    "bad_gateway_after": 502,
    "bad_gateway_before": 502,
    "error_500": 500,
    "malformed_json": 201,
    "rate_limit_primary": 403,
    "rate_limit_secondary_403": 403,
    "rate_limit_secondary_403_retry": 403,
    "rate_limit_secondary_429": 429,
    "rate_limit_secondary_429_retry": 429,
    "slow": 201,
    "stale": 201,
    "unauthorized": 401,
}


def create(client: Client) -> Answer | None:
    """Create a release; `None` where no whole answer comes."""
    try:
        return client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_write(box: Sandbox, client: Client, name: str) -> None:
    box.faults.slow_seconds = 0.01
    box.faults.when("POST", r"/releases$", name)
    answer = create(client)
    done = [r for r in box.state.releases(NAME) if r.tag == "1.5.0"]
    assert len(done) == (name in DONE)
    assert [record.name for record in box.faults.log] == [name]
    assert box.state.requests[-1].fault == name
    if answer is None:
        assert name in {"reset_before", "reset_after", "truncated_json"}
    else:
        assert answer.status == STATUS[name]
    if name == "malformed_json":
        assert answer is not None
        with pytest.raises(json.JSONDecodeError):
            answer.data  # noqa: B018
    if name == "unauthorized":
        # From here on, for everything.
        assert client.get(R).status == 401
        return
    # Once only.
    again = create(client)
    assert again is not None
    assert again.status == (422 if name in DONE else 201)


@pytest.mark.parametrize(
    ("name", "remaining", "has_retry"),
    [
        ("rate_limit_primary", "0", False),
        ("rate_limit_secondary_403", "4321", False),
        ("rate_limit_secondary_403_retry", "4321", True),
        ("rate_limit_secondary_429", "4321", False),
        ("rate_limit_secondary_429_retry", "4321", True),
    ],
)
def test_rate_limits_say_when(
    box: Sandbox,
    client: Client,
    *,
    name: str,
    remaining: str,
    has_retry: bool,
) -> None:
    box.faults.when("GET", "", name)
    answer = client.get(R)
    assert answer.headers["x-ratelimit-remaining"] == remaining
    assert ("retry-after" in answer.headers) == has_retry
    reset = int(answer.headers["x-ratelimit-reset"])
    now = box.clock.now().timestamp()
    if name == "rate_limit_primary":
        assert reset == int(now) + 2
        assert "API rate limit exceeded" in answer.data["message"]
    else:
        assert "secondary rate limit" in answer.data["message"]


def test_stale_read_is_one_write_behind(
    box: Sandbox, client: Client, clock: ManualClock
) -> None:
    client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    clock.sleep(1)
    client.post(f"{R}/releases", {"tag_name": "1.6.0"})
    clock.sleep(1)
    box.faults.when("GET", "", "stale", times=3)
    tags = [r["tag_name"] for r in client.get(f"{R}/releases").data]
    assert "1.5.0" in tags
    assert "1.6.0" not in tags
    runs = client.get(f"{R}/actions/runs").data["workflow_runs"]
    assert "1.6.0" not in [run["head_branch"] for run in runs]
    assert "1.5.0" in [run["head_branch"] for run in runs]
    assert client.get(f"{R}/git/ref/tags/1.6.0").status == 404
    assert client.get(f"{R}/git/ref/tags/1.6.0").status == 200


def test_nth_request(box: Sandbox, client: Client) -> None:
    box.faults.at(2, "error_500")
    assert [client.get(R).status for _ in range(3)] == [200, 500, 200]


def test_matching_skips_and_repeats(box: Sandbox, client: Client) -> None:
    box.faults.when("*", r"/releases$", "error_500", times=2, skip=1)
    found = [client.get(f"{R}/releases").status for _ in range(4)]
    assert found == [200, 500, 500, 200]
    assert client.get(R).status == 200
    box.faults.when("GET", r"/releases$", "error_500", times=None)
    assert client.get(f"{R}/releases").status == 500
    assert client.get(f"{R}/releases").status == 500
    box.faults.clear()
    assert client.get(f"{R}/releases").status == 200
    assert len(box.faults.log) == 4


def test_random_faults_are_repeatable(box: Sandbox, client: Client) -> None:
    def sequence(seed: int) -> list[Any]:
        names = ["error_500", "rate_limit_primary"]
        box.faults.randomly(seed=seed, rate=0.3, names=names)
        return [client.get(R).status for _ in range(40)]

    first = sequence(1)
    assert set(first) == {200, 403, 500}
    assert sequence(1) == first
    assert sequence(2) != first


def test_unknown_name(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="no fault"):
        box.faults.at(1, "error")


def test_names_are_described() -> None:
    assert all(text for text in FAULTS.values())
    assert {"slow", "stale", "reset_after"} <= set(FAULTS)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_registry(box: Sandbox, client: Client, name: str) -> None:
    box.faults.slow_seconds = 0.01
    box.faults.when("GET", r"^/v2/", name)
    try:
        status = client.pull(IMAGE, "1.4.0").status
    except (OSError, http.client.HTTPException):
        status = 0
    expected = dict.fromkeys(FAULTS, 200) | {
        name: 429 for name in FAULTS if name.startswith("rate_limit")
    }
    expected |= {
        "error_500": 500,
        "bad_gateway_before": 502,
        "bad_gateway_after": 502,
        "reset_before": 0,
        "reset_after": 0,
        "truncated_json": 0,
    }
    assert status == expected[name]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_git(box: Sandbox, work: Path, name: str) -> None:
    box.faults.slow_seconds = 0.01
    git("tag", "1.5.0", cwd=work)
    box.faults.when("POST", "git-receive-pack", name)
    done = git("push", "origin", "refs/tags/1.5.0", cwd=work, check=False)
    if name.startswith("reset"):
        # curl may send again by itself what it sent on a kept connection.
        assert len(box.faults.log) == 1
        return
    assert ("1.5.0" in box.state.tags(NAME)) == (name in DONE)
    assert (done.returncode == 0) == (name in {"slow", "stale"})
    if name == "unauthorized":
        return
    # What was done is done, and what was not can be done again.
    again = git("push", "origin", "refs/tags/1.5.0", cwd=work)
    assert again.returncode == 0

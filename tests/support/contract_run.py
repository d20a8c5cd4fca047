"""Whole releases whose every request and answer is checked.

``python -m tests.support.contract_run api.github.com.json`` runs releases on
the sandbox and validates what was said against GitHub's own OpenAPI
description, and prints how much of each was validated. What is said to an
Argo CD is held against the description of that.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import requests

from rsp_release.deployment.lead_times import read_lead_times
from rsp_release.exceptions import RefusedError, ReleaseError
from rsp_release.models import OpenPull, SyncApplication
from rsp_release.models.rollout import Target
from rsp_release.release.plan import Options
from rsp_release.steps.chart_pr.step import ChartPull
from rsp_release.storage.argocd.client import ArgoCDClient
from rsp_release.storage.github.deploy import GithubDeploy
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.http import GithubHttp
from rsp_sandbox import RolloutScript, Scenario, SyncWindow, Trouble
from rsp_sandbox.records import Environment

from .argocd_contract import argocd_contract
from .chains import chain
from .contract import Contract
from .deploying import DEPLOY, add_deployment, configure
from .fleets import CHARTS, add_fleet, make_factory
from .graphql_contract import GraphqlContract
from .places import find_memory
from .service import NAME, TAG, Service, serve
from .simulated import VirtualClock

__all__ = ["SCENES", "main", "run_scenes"]


def _release(service: Service) -> None:
    """Play an undisturbed release, and look at it again."""
    assert service.bump().outcome == "released"
    assert service.bump().outcome == "nothing"
    releaser = service.make_releaser()
    for _ in releaser.status(releaser.find(TAG)):
        pass


def _publish_draft(service: Service) -> None:
    """Find and publish a draft."""
    requests.post(
        f"{service.box.api_url}/repos/{NAME}/releases",
        json={"tag_name": TAG, "draft": True},
        headers={"Authorization": f"Bearer {service.box.token}"},
        timeout=10,
    )
    assert service.bump().outcome == "released"


def _be_denied(service: Service) -> None:
    """Meet missing permissions, wrong tokens and limits."""
    permissions = {"contents": "read", "metadata": "read"}
    weak = service.box.add_token(permissions, "fine-grained")
    for token in (weak, "ghp_wrong"):
        service.environ["GITHUB_TOKEN"] = token
        with suppress(ReleaseError):
            assert service.bump().exit_status != 0
    service.environ["GITHUB_TOKEN"] = service.box.token
    for fault in ("rate_limit_primary", "rate_limit_secondary_429"):
        service.box.faults.when("GET", "/releases/tags/", fault)
    service.box.faults.when("POST", "/releases$", "bad_gateway_after")
    assert service.bump().outcome == "released"


def _fail(service: Service) -> None:
    """Watch a run that fails."""
    assert service.bump().outcome == "failed"


def _deploy(service: Service) -> None:
    """Deploy twice, the second time in the place of the first."""
    add_deployment(service)
    configure(service, 'labels = ["deployment"]\nolder = "update"\n')
    result = service.bump()
    assert result.outcome == "released"
    assert result.deploy_url
    service.git("pull", "--quiet", "--ff-only")
    service.commit("feat: more")
    assert service.bump().outcome == "released"
    step = ChartPull(is_asked=True, waits=True)
    releaser = service.make_releaser(Options(timeout=60.0, checks=False))
    for _ in releaser.deploy(releaser.find("1.6.0"), step, acts=True):
        pass


def _deploy_from_fork(service: Service) -> None:
    """Deploy as somebody who may not push to the deployment repository."""
    add_deployment(service)
    configure(service, 'labels = ["deployment"]\n')
    service.box.project(NAME).roles["ada"] = "write"
    service.environ["GITHUB_TOKEN"] = service.box.add_token(login="ada")
    service.box.lag = replace(service.box.lag, fork=40)
    assert service.bump().outcome == "released"
    [pull] = service.box.state.pulls(DEPLOY).values()
    assert pull.fork is not None


def _merge_itself(service: Service) -> None:
    """Land the change log by a pull request that GitHub merges itself."""
    (service.clone / ".rsp-release.toml").write_text(
        '[pull-request]\nlabels = ["release"]\nauto-merge = "squash"\n',
        encoding="utf-8",
    )
    service.git("add", "--all")
    service.git("commit", "--quiet", "-m", "Let change logs merge themselves")
    service.git("push", "--quiet", "origin", "HEAD")
    project = service.box.project(NAME)
    project.allow_auto_merge = True
    service.box.protect(NAME, "main", checks=("test",))
    assert service.bump().outcome == "released"
    [pull] = project.pulls.values()
    assert pull.auto_merge is not None
    assert pull.merge_sha is not None


def _be_renamed(service: Service) -> None:
    """Release under a name that the repository has no more."""
    add_deployment(service)
    service.box.rename(DEPLOY, "operations/charts")
    service.box.rename(NAME, "rubin-demo/telescope")
    assert service.clock is not None
    http = GithubHttp(
        api_url=service.box.api_url, token=service.box.token,
        clock=service.clock, random=Random(0), environ=service.environ,
    )  # fmt: skip
    # Of a repository that nobody was told of every request is led on.
    forge = GithubForge(http=http, repository=NAME)
    head = service.git("rev-parse", "HEAD").strip()
    forge.branch_rules("main")
    forge.rulesets("tag")
    forge.releases("1.4.0")
    forge.generate_notes(tag="1.9.0", commit=head, previous="1.4.0")
    forge.runs_of_tag("1.4.0")
    assert not forge.pulls("rsp-release/changelog-1.5.0")
    with suppress(RefusedError):
        forge.open_pull(
            OpenPull(branch="none", base="main", title="t", body="", after=0)
        )
    assert forge.has_moved
    deploy = GithubDeploy(http=http, repository=DEPLOY)
    assert deploy.repository().name == deploy.name == "operations/charts"
    assert deploy.fork().name is None
    http.close()
    assert service.bump().outcome == "released"


def _survey(service: Service) -> None:
    """Read a fleet in which two repositories are missing, and its past."""
    add_fleet(service.box, 70, past=1)
    assert isinstance(service.clock, VirtualClock)
    factory = make_factory(service.box, service.clock)
    rows = factory.make_fleet_reader(CHARTS).read()
    assert len(rows) == 70
    told = read_lead_times(
        rows, factory.make_fleet_history(CHARTS), now=service.clock.now()
    )
    assert told["all"]["whole"][-1] is not None


def _follow(service: Service) -> None:
    """Release by a workflow that follows another, after all checks."""
    chain(service)
    project = service.box.project(NAME)
    project.environments["prod"] = Environment(
        wait=5, reviewers=("rubin-demo-user",), policies=(("tag", "*"),)
    )
    project.environments["main"] = Environment(protected_only=True)
    assert service.bump(options=Options()).outcome == "released"


def _roll_out(service: Service) -> None:
    """Ask an Argo CD, and let it sync, on good days and on bad ones."""
    assert isinstance(service.clock, VirtualClock)
    add_deployment(service)
    box, clock = service.box, service.clock
    app = box.argocd.add("dev", "stargazer", DEPLOY, now=clock.now())
    client = ArgoCDClient(
        environ=service.environ, clock=clock, random=Random(0)
    )
    target = Target(
        environment="dev", argocd=box.argocd_url("dev"),
        application="stargazer", project="default",
    )  # fmt: skip
    window = SyncWindow(
        begins=clock.now(), ends=clock.now() + timedelta(hours=1)
    )
    troubles: tuple[RolloutScript, ...] = (
        RolloutScript(),
        RolloutScript(trouble=Trouble(message="it crashes")),
        RolloutScript(hook="it failed"),
        RolloutScript(windows=(window,)),
        RolloutScript(comparison="no such chart"),
        RolloutScript(refreshes=False),
        RolloutScript(denied=frozenset({"sync"})),
        RolloutScript(denied=frozenset({"get"})),
    )
    for number, app.script in enumerate(troubles):
        write = SyncApplication(target=target, marker=str(number))
        for ask in (
            partial(client.application, target, refresh=True),
            partial(client.sync, replace(write, prunes=number > 4)),
            partial(client.sync, write),
            partial(client.applications, target.argocd, environment="dev"),
        ):
            with suppress(ReleaseError):
                ask()
        for seconds in (0.3, 1.2, 0.5, 9):
            clock.sleep(seconds)
            with suppress(ReleaseError):
                client.application(target)
                client.unhealthy(target)
                client.windows(target)
    # Five synced, and what came with the sandbox.
    assert len(app.syncs) == 6
    for other in (
        replace(target, application="none"),
        replace(target, project=None, namespace="elsewhere"),
    ):
        with suppress(ReleaseError):
            client.application(other)
    client.close()


_FAILING = Scenario.read(
    {
        "workflows": [
            {
                "path": ".github/workflows/ci.yaml",
                "on": {"release": {"types": ["published"]}},
                "jobs": [
                    {
                        "name": "test",
                        "steps": [{"name": "Run the tests"}],
                        "conclusions": ["failure"],
                        "failing_step": "Run the tests",
                    }
                ],
            }
        ]
    }
)

SCENES: list[tuple[Callable[[Service], None], Scenario | None]] = [
    (_release, None),
    (_publish_draft, None),
    (_be_denied, None),
    (_fail, _FAILING),
    (_deploy, None),
    (_deploy_from_fork, None),
    (_merge_itself, None),
    (_be_renamed, None),
    (_survey, None),
    (_follow, None),
    (_roll_out, None),
]
"""What is played, and what the workflows do in it."""


def run_scenes(
    contract: Contract, graphql: GraphqlContract | None = None
) -> list[str]:
    """Play every scene and validate all that was said.

    Parameters
    ----------
    contract
        GitHub's description.
    graphql
        GitHub's GraphQL schema.

    Returns
    -------
    list of str
        The violations.
    """
    violations = []
    for play, scenario in SCENES:
        clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
        with tempfile.TemporaryDirectory(dir=find_memory()) as name:
            folder = Path(name)
            with serve(folder, scenario=scenario, clock=clock) as service:
                play(service)
                for record in service.box.state.requests:
                    violations += contract.check_record(record)
                    violations += argocd_contract().check_record(record)
                    if graphql is not None:
                        violations += graphql.check_record(record)
                # It judges what is left when it closes.
                service.box.state.requests.clear()
                violations += [
                    f"the sandbox does not know {method} {path}"
                    for method, path in service.box.state.unknown
                ]
    return violations


def main() -> int:
    """Run the scenes and print what was validated."""
    contract = Contract.read(Path(sys.argv[1]))
    graphql = None
    if len(sys.argv) > 2:
        graphql = GraphqlContract(Path(sys.argv[2]))
    violations = run_scenes(contract, graphql)
    for line in violations:
        sys.stdout.write(f"{line}\n")
    argocd = argocd_contract()
    sys.stdout.write(
        f"{contract.requests} requests and {contract.responses} responses"
        f" validated, and {argocd.requests} and {argocd.responses} of Argo"
        f" CD's, {len(violations)} violations\n"
    )
    is_asked = graphql is None or graphql.queries > 0
    if graphql is not None:
        sys.stdout.write(
            f"{graphql.queries} GraphQL queries and {graphql.answers} answers"
            " validated\n"
        )
    is_asked = is_asked and contract.responses > 0 and argocd.responses > 0
    return 1 if violations or not is_asked else 0


if __name__ == "__main__":
    sys.exit(main())

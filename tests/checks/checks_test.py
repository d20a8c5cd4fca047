"""Each check where all is well, where it is not, and where it is blind."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rsp_release.changelog.entries import commit_subject
from rsp_release.checks import CHECKS, Facts, look_at, run_checks
from rsp_release.checks.base import Check, ok
from rsp_release.checks.dependencies import OLD_RUN
from rsp_release.config import Config
from rsp_release.exceptions import BlockedError, NotAllowedError, RefusedError
from rsp_release.models import Check as CommitCheck
from rsp_release.models import (
    Commit,
    Environment,
    Fork,
    ImageReport,
    PullPolicy,
    Repository,
)
from rsp_release.models.github import (
    BranchRules,
    Credentials,
    Identity,
    Ruleset,
)
from rsp_release.version.fragments import Fragment, Part
from rsp_release.version.history import History
from rsp_release.version.tags import parse_tags

from ..support.checked import (
    CHART,
    COMMIT,
    DEPLOY,
    NAME,
    NOW,
    WORKFLOW,
    Scene,
    denied,
    down,
    page,
    pull,
    run,
)

CI = ".github/workflows/ci.yaml"
ON_PUSH = WORKFLOW.replace(
    "  release:\n    types: [published]", "  push:\n    branches: [a]"
)
ON_MAIN = WORKFLOW.replace(
    "  build:\n", "  build:\n    if: github.ref == 'refs/heads/main'\n"
)
NEW = {"previous_tag": None}
ELSEWHERE = """\
on: {release: {types: [published]}}
jobs: {build: {uses: o/other/.github/workflows/build.yaml@v1}}
"""
LOGIN = """\
on: {release: {types: [published]}}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make login
      - uses: docker/build-push-action@v6
        with: {push: true, tags: "docker.io/o/n:${{ github.ref_name }}"}
"""
PROTECTS: dict[str, Any] = {
    "files": {
        CI: LOGIN.replace(
            "    steps:", "    environment: {name: prod}\n    steps:"
        ),
        "Dockerfile": "",
    }
}
FRESH = Config(dependencies_max_age=14)
LOCKED = {"uv.lock": "", "pyproject.toml": ""}
FINE = Credentials(kind="fine-grained")
PROTECTED = BranchRules(needs_pull=True)
DATE = "# Periodic\non:\n  schedule: []\njobs:\n  test: {}\n"
HUB = WORKFLOW.replace("ghcr.io/${{ github.repository }}",
                       "docker.io/lsstsqre/example")  # fmt: skip
GAR = WORKFLOW.replace("ghcr.io/${{ github.repository }}",
                       "us-central1-docker.pkg.dev/p/r/example")  # fmt: skip


def workflow(text: Any, **more: Any) -> dict[str, Any]:
    files = {CI: text, "Dockerfile": "FROM scratch\n"}
    return {"files": {**files, **more}}


def report(state: Any, **more: Any) -> Callable[..., ImageReport]:
    return lambda image: ImageReport(
        image=image.name, tag=image.tag, state=state, **more
    )


def ruleset(**more: Any) -> Ruleset:
    values: dict[str, Any] = {
        "name": "tags", "url": None, "include": ("~ALL",), "exclude": (),
        "rules": ("creation",), "bypass": "never",
    }  # fmt: skip
    return Ruleset(**{**values, **more})


def history(**more: Any) -> History:
    made = Scene().history
    assert made is not None
    return made._replace(**more)


def missing() -> Any:
    raise BlockedError("there is no such repository", help="mend it")


def hidden() -> Any:
    raise NotAllowedError(
        "single sign-on", help="authorize it", url="https://example.org/sso"
    )


def keyless() -> Any:
    raise RefusedError("there is no such key here", help="see user.signingKey")


def fragment(*parts: Part, empty: tuple[str, ...] = ()) -> dict[str, Any]:
    found = Fragment("changelog.d/a.md", "scriv", parts, empty)
    return {"history": history(fragments=(found,))}


ENTRY = Commit(
    hash=COMMIT, parents=1, author="Ada", message=commit_subject("1.2.0")
)
SCRIV = '[tool.scriv]\ncategories = ["Bug fixes"]\n'
REPOSITORY = Repository(name="o/n", default_branch="main", can_push=True)
RENAMED = Identity(
    name="lsst-sqre/example", id=1, former=("lsst-sqre/old",), source="origin",
    command="git remote set-url origin git@github.com:lsst-sqre/example.git",
)  # fmt: skip
READ_ONLY = Repository(name=DEPLOY, default_branch="main", can_push=False)
DEPLOYS = Config(deploy_repository=DEPLOY)
PRIVATE = report("present", needs_credentials=True)
BLIND: dict[str, Any] = {
    "history": None,
    "trouble": BlockedError("no history"),
}

TABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("branch", "ok", {}),
    ("branch", "ok", {"branch": "1.4"}),
    *[("branch", "ok", {"branch": name}) for name in (
        "release-1.4", "release/v1.4.x", "stable/2", "v2", "1.x")],
    ("branch", "problem", {"branch": "1234"}),
    ("branch", "problem", {"branch": "feature"}),
    ("branch", "problem", {"branch": None}),
    ("rival", "ok", {}),
    ("rival", "problem", {"remote_tags": {"1.2.0": COMMIT}}),
    ("rival", "problem", {"entry": "1.2.0", "commits": (ENTRY,)}),
    ("rival", "ok", {"entry": "1.1.1", "commits": (ENTRY,)}),
    ("rival", "ok",
     {"entry": "1.2.0", "commits": (ENTRY,), "begun": "1.2.0"}),
    ("rival", "unknown", {"remote_head": down}),
    ("rival", "unknown", {"branch": None}),
    ("rival", "unknown", BLIND),
    ("clean", "ok", {}),
    ("clean", "problem", {"uncommitted": ("a", "b", "c", "d")}),
    ("clean", "ok", {"uncommitted": ("a",), "proposal": {"is_begun": True}}),
    ("clean", "unknown", {"uncommitted": down}),
    ("history", "ok", {}),
    ("history", "problem", {"is_shallow": True}),
    ("history", "unknown", {"is_shallow": down}),
    ("signing", "ok", {}),
    ("signing", "ok", {"signs": False}),
    ("signing", "problem", {"signs": keyless}),
    ("signing", "unknown", {"signs": down}),
    ("tags-fetched", "ok", {}),
    ("tags-fetched", "problem", {"unfetched_tags": ("1.2.0",)}),
    ("tags-fetched", "ok", {"unfetched_tags": ("latest", "nightly")}),
    ("tags-fetched", "unknown", {"unfetched_tags": down}),
    ("up-to-date", "ok", {}),
    ("up-to-date", "problem", {"remote_head": None}),
    ("up-to-date", "problem", {"remote_head": "d" * 40}),
    ("up-to-date", "problem",
     {"remote_head": "d" * 40, "contains": lambda a, b: a == COMMIT}),
    ("up-to-date", "ok",
     {"remote_head": "d" * 40, "contains": lambda a, b: True,
      "proposal": {"is_begun": True}}),
    ("up-to-date", "unknown", {"remote_head": down}),
    ("up-to-date", "unknown", {"branch": None}),
    ("name", "ok", {}),
    ("name", "warning", {"identity": RENAMED}),
    ("name", "warning", {
        "proposal": {"former": ("lsst-sqre/old",)},
        "config": Config(images=("ghcr.io/lsst-sqre/old",),
                         sources={"images": "a file"})}),
    ("name", "ok", {
        "proposal": {"former": ("lsst-sqre/old",)},
        "config": Config(images=("ghcr.io/lsst-sqre/older",),
                         sources={"images": "a file"})}),
    ("name", "unknown", {"identity": Identity(name="o/n")}),
    ("tag-style", "ok", {}),
    ("tag-style", "warning",
     {"history": history(tags=tuple(parse_tags(["v1.1.0", "1.0.0"])))}),
    ("tag-style", "warning",
     {"history": history(tags=tuple(parse_tags(["1.1", "1.0.0"])))}),
    ("tag-style", "warning", {"history": history(unlike="v5")}),
    ("tag-style", "problem", {"trouble": BlockedError("dates")}),
    ("tag-style", "unknown", BLIND),
    ("tag-free", "ok", {}),
    ("tag-free", "problem", {"remote_tag": COMMIT}),
    ("tag-free", "problem", {"local_tag": COMMIT}),
    ("tag-free", "unknown", {"remote_tag": down}),
    ("tag-unused", "ok", {}),
    ("tag-unused", "warning", {"past_runs": (run("success"),)}),
    ("tag-unused", "problem",
     {"past_runs": (replace(run("success"), event="release"),),
      "immutable": True}),
    ("tag-unused", "warning",
     {"past_runs": (replace(run("success"), event="push"),),
      "immutable": True}),
    ("tag-unused", "ok", {"past_runs": (run("success"),), "remote_tag":
     COMMIT}),
    ("tag-unused", "unknown", {"past_runs": denied}),
    ("release-free", "ok", {}),
    ("release-free", "ok", {"pages": {"1.1.1": (page("1", is_draft=True),)}}),
    ("release-free", "problem", {"pages": {"1.1.1": (page("1"),)}}),
    ("release-free", "unknown", {"pages": {"1.1.1": down}}),
    ("ci", "ok", {}),
    ("ci", "ok", {"checks": ()}),
    ("ci", "ok", {"checks": (), **workflow(
        WORKFLOW.replace("  release:", "  push: {paths: [a]}\n  release:"))}),
    ("ci", "warning", {"checks": (), **workflow(
        WORKFLOW.replace("  release:", "  push:\n  release:"))}),
    ("ci", "unknown", {"checks": (), "workflow_state": None, "had": (CI,),
     **workflow(WORKFLOW.replace("  release:", "  push:\n  release:"))}),
    ("ci", "problem", {"checks": (CommitCheck(name="t", state="failed"),)}),
    ("ci", "warning", {"checks": (CommitCheck(name="t", state="running"),)}),
    ("ci", "ok", {"checks": (
        CommitCheck(name="t", state="running", is_own=True),
        CommitCheck(name="u", state="passed"))}),
    ("ci", "unknown", {"checks": denied}),
    ("unfinished", "ok", {}),
    ("unfinished", "problem", {"begun": "1.1.1"}),
    ("previous-release", "ok", {}),
    ("previous-release", "ok", {"proposal": {"previous_tag": None}}),
    ("previous-release", "warning", {"pages": {"1.1.0": ()}}),
    ("previous-release", "warning",
     {"pages": {"1.1.0": ()}, "has_releases": False}),
    ("previous-release", "unknown",
     {"pages": {"1.1.0": ()}, "has_releases": down}),
    ("previous-release", "warning",
     {"pages": {"1.1.0": (page("1.1.0", is_draft=True),)}}),
    ("previous-release", "unknown", {"pages": {"1.1.0": down}}),
    ("previous-images", "ok", {}),
    ("previous-images", "warning", {"images": report("absent")}),
    ("previous-images", "warning",
     {"images": report("absent"), "config": Config(
         images=("ghcr.io/a/new",), sources={"images": "a file"})}),
    ("previous-images", "ok",
     {"images": report("absent"), "before": "on: push\njobs: {}\n"}),
    ("previous-images", "ok",
     {"images": report("present", needs_credentials=True)}),
    ("previous-images", "unknown", {"images": report("unknown")}),
    ("changelog-pull", "ok", {"pulls": (pull("feature"),)}),
    ("changelog-pull", "problem",
     {"pulls": (pull("rsp-release/changelog-1.1.1"),)}),
    ("changelog-pull", "ok", {"pulls": (
        replace(pull("rsp-release/changelog-1.0.1"), base="1.0"),)}),
    ("changelog-pull", "unknown", {"pulls": denied}),
    ("token", "ok", {}),
    ("token", "problem", {"repository": denied}),
    ("token", "problem", {"repository": replace(REPOSITORY, can_push=False)}),
    ("token", "problem",
     {"repository": replace(REPOSITORY, is_archived=True)}),
    ("token", "unknown", {"repository": down}),
    ("sso", "ok", {}),
    ("sso", "warning", {"credentials": replace(FINE, hides=True)}),
    ("sso", "problem", {"credentials": hidden}),
    ("sso", "unknown", {"credentials": down}),
    ("contents", "ok", {}),
    ("contents", "problem",
     {"credentials": Credentials(kind="classic", scopes=("gist",))}),
    ("contents", "ok", {"credentials": FINE}),
    ("contents", "problem", {"credentials": FINE, "may_write": False}),
    ("contents", "unknown", {"credentials": FINE, "may_write": down}),
    ("push", "ok", {}),
    ("push", "ok", {"pushes": False}),
    ("push", "problem", {"pushes": denied}),
    ("push", "unknown", {"pushes": down}),
    ("pulls", "ok", {}),
    ("pulls", "ok", {"branch_rules": PROTECTED, "credentials": FINE}),
    ("pulls", "problem",
     {"branch_rules": PROTECTED, "credentials": FINE, "may_pull": False}),
    ("pulls", "unknown", {"branch_rules": down}),
    ("workflows", "ok", {}),
    ("workflows", "problem", {"branch": "1.0", "differ": True}),
    ("workflows", "ok",
     {"branch": "1.0", "differ": True, "credentials": Credentials(
         kind="classic", scopes=("repo", "workflow"))}),
    ("workflows", "unknown",
     {"branch": "1.0", "differ": True, "credentials": FINE}),
    ("workflows", "problem",
     {"branch": "1.0", "differ": True, "starts": False,
      "credentials": Credentials(kind="app")}),
    ("actions", "ok", {}),
    ("actions", "problem", {"workflow_state": denied}),
    ("actions", "unknown", {"workflow_state": down}),
    ("triggers", "ok", {}),
    ("triggers", "problem", {"starts": False}),
    ("triggers", "unknown", {"starts": None}),
    ("tag-rules", "ok", {}),
    ("tag-rules", "ok", {"rulesets": (ruleset(bypass="always"),)}),
    ("tag-rules", "ok", {"rulesets": (ruleset(include=("refs/tags/v*",)),)}),
    ("tag-rules", "ok", {"rulesets": (ruleset(rules=("deletion",)),)}),
    ("tag-rules", "problem", {"rulesets": (ruleset(),)}),
    ("tag-rules", "problem", {"rulesets": (ruleset(
        rules=("tag_name_pattern",), names=(("starts_with", "v", False),)),)}),
    ("tag-rules", "problem",
     {"rulesets": (ruleset(include=("refs/tags/*",)),)}),
    ("tag-rules", "ok", {"rulesets": (ruleset(include=("refs/tags/*",)),),
                         "proposal": {"tag": "app/1.0.0"}}),
    ("tag-rules", "unknown", {"rulesets": (ruleset(
        rules=("tag_name_pattern",), names=(("regex", "^v", False),)),)}),
    ("tag-rules", "unknown",
     {"rulesets": (ruleset(rules=("required_status_checks",)),)}),
    ("tag-rules", "unknown", {"rulesets": denied}),
    ("tag-rules", "unknown", {"rulesets": lambda: None}),
    ("branch-rules", "ok", {}),
    ("branch-rules", "ok", {"branch_rules": PROTECTED}),
    ("branch-rules", "warning",
     {"branch_rules": replace(PROTECTED, approvals=2)}),
    ("branch-rules", "problem",
     {"branch_rules": PROTECTED,
      "proposal": {"pull_policy": PullPolicy(when="never")}}),
    ("branch-rules", "ok",
     {"branch_rules": PROTECTED, "rulesets": (ruleset(bypass="always"),),
      "proposal": {"pull_policy": PullPolicy(when="never")}}),
    ("branch-rules", "unknown",
     {"branch_rules": replace(PROTECTED, approvals=None)}),
    ("branch-rules", "unknown",
     {"branch_rules": BranchRules(needs_pull=False, is_known=False)}),
    ("immutable", "ok", {"immutable": True}),
    ("immutable", "unknown", {"immutable": denied}),
    ("workflow", "ok", {}),
    ("workflow", "ok", {"files": {}, "config": Config(images=())}),
    ("workflow", "warning", {"files": {}}),
    ("workflow", "warning", {"files": {}, "proposal": NEW}),
    ("workflow", "problem", {"files": {}, "before": WORKFLOW}),
    ("workflow", "problem",
     {"files": {}, "config": Config(images=("ghcr.io/a/b",))}),
    ("workflow", "warning", workflow(ON_PUSH)),
    ("workflow", "problem", {**workflow(ON_PUSH), "before": WORKFLOW}),
    ("workflow", "unknown", workflow(WORKFLOW.replace(
        "ghcr.io/${{ github.repository }}", "${{ vars.IMAGE }}"))),
    ("workflow-enabled", "ok", {}),
    ("workflow-enabled", "warning", {"workflow_state": None}),
    ("workflow-enabled", "unknown", {"workflow_state": None, "had": (CI,)}),
    ("workflow-enabled", "problem", {"workflow_state": "disabled_manually"}),
    ("workflow-enabled", "warning",
     {"workflow_state": "disabled_manually", **workflow(ELSEWHERE)}),
    ("workflow-enabled", "unknown", {"workflow_state": denied}),
    ("workflow-enabled", "problem", {"runs_workflows": False}),
    ("workflow-enabled", "problem", {"workflow_state": "disabled_fork"}),
    ("workflow-enabled", "problem", {"workflow_state": "disabled_inactivity"}),
    ("workflow-moved", "ok", {}),
    ("workflow-moved", "ok", {"before": WORKFLOW}),
    ("workflow-moved", "warning", {"before": WORKFLOW, "files": {
        ".github/workflows/new.yaml": WORKFLOW, "Dockerfile": ""}}),
    ("workflow-moved", "warning", {"before": WORKFLOW.replace(
        "  release:\n    types: [published]", "  push:\n    tags: ['*']")}),
    ("workflow-moved", "warning", {"before": "name: Old\n" + WORKFLOW}),
    ("workflow-moved", "unknown", workflow(down)),
    ("environments", "ok", {}),
    ("environments", "ok", PROTECTS),
    ("environments", "ok", {**PROTECTS, "environment": Environment(
        name="prod", refs=(("tag", "1.*"), ("branch", "main")))}),
    ("environments", "ok", {**PROTECTS, "environment": Environment(
        name="prod", refs=(("tag", "[0-9].*"),))}),
    ("environments", "warning", {**PROTECTS, "environment": Environment(
        name="prod", reviewers=("ada", "team ops"))}),
    ("environments", "warning", {**PROTECTS, "environment": Environment(
        name="prod", wait=timedelta(minutes=30))}),
    ("environments", "problem", {**PROTECTS, "environment": Environment(
        name="prod", refs=(("branch", "1.*"), ("tag", "v*")))}),
    ("environments", "problem", {**PROTECTS, "environment": Environment(
        name="prod", refs=())}),
    ("environments", "unknown", {**PROTECTS, "environment": denied}),
    ("workflow-once", "ok", {}),
    ("workflow-once", "warning", workflow(WORKFLOW.replace(
        "  release:", "  push:\n    tags: ['*']\n  release:"))),
    ("workflow-once", "unknown", workflow(down)),
    ("workflow-once", "unknown", workflow(WORKFLOW.replace(
        "ghcr.io/${{ github.repository }}", "${{ vars.IMAGE }}"))),
    ("workflow-types", "ok", {}),
    ("workflow-types", "warning", workflow(WORKFLOW.replace(
        "  release:\n    types: [published]", "  release: {}"))),
    ("workflow-types", "warning", workflow(WORKFLOW.replace(
        "[published]", "[published, released]"))),
    ("workflow-types", "warning", workflow(WORKFLOW.replace(
        "[published]", "[released]"))),
    ("workflow-types", "unknown", workflow(down)),
    ("workflow-condition", "ok", {}),
    ("workflow-condition", "warning", workflow(ON_MAIN)),
    ("workflow-condition", "problem",
     {**workflow(ON_MAIN), "before": WORKFLOW}),
    ("workflow-condition", "unknown", workflow(down)),
    ("workflow-condition", "unknown", workflow(WORKFLOW.replace(
        "ghcr.io/${{ github.repository }}", "${{ vars.IMAGE }}"))),
    ("workflow-queue", "ok", {}),
    ("workflow-queue", "ok", workflow(
        WORKFLOW + "concurrency: ci-${{ github.ref }}\n")),
    ("workflow-queue", "ok", workflow(
        WORKFLOW + "concurrency: {group: docker, queue: max}\n")),
    ("workflow-queue", "warning", workflow(
        WORKFLOW + "concurrency: docker\n")),
    ("workflow-queue", "warning", workflow(
        WORKFLOW + "concurrency: {group: a, cancel-in-progress: true}\n")),
    ("workflow-queue", "unknown", workflow(down)),
    ("dockerfile", "ok", {}),
    ("dockerfile", "ok", workflow(
        WORKFLOW + "      dockerfile: docker/Dockerfile\n",
        **{"docker/Dockerfile": "FROM scratch\n"})),
    ("dockerfile", "problem", {"files": {CI: WORKFLOW}, "proposal": NEW}),
    ("dockerfile", "problem",
     {"files": {CI: WORKFLOW}, "had": ("Dockerfile",)}),
    ("dockerfile", "unknown", {"files": {CI: WORKFLOW}}),
    ("dockerfile", "unknown", {"files": {CI: WORKFLOW, "Dockerfile": down}}),
    ("ghcr", "ok", {}),
    ("ghcr", "ok", workflow(WORKFLOW + "permissions: {packages: write}\n")),
    ("ghcr", "problem", workflow(
        WORKFLOW + "permissions: {contents: read}\n")),
    ("ghcr", "unknown", workflow(down)),
    ("docker-hub", "ok", {}),
    ("docker-hub", "ok",
     {**workflow(HUB),
      "secrets": frozenset({"DOCKER_USERNAME", "DOCKER_TOKEN"})}),
    ("docker-hub", "problem", workflow(HUB)),
    ("docker-hub", "problem", workflow(
        HUB.replace("    secrets: inherit\n", ""))),
    ("docker-hub", "unknown", {**workflow(HUB), "secrets": denied}),
    ("docker-hub", "unknown", workflow(LOGIN)),
    ("docker-hub", "unknown", workflow(
        HUB.replace("    uses:", "    environment: prod\n    uses:"))),
    ("gar", "ok", {**workflow(GAR), "secrets": frozenset({"GAR_PUSH_TOKEN"})}),
    ("gar", "problem", workflow(GAR)),
    ("gar", "unknown", {**workflow(GAR), "secrets": denied}),
    ("deployment", "ok", {}),
    ("deployment", "ok", {"config": DEPLOYS}),
    ("deployment", "ok", {"config": DEPLOYS, "deployment": READ_ONLY}),
    ("deployment", "ok",
     {"config": DEPLOYS, "deployment": READ_ONLY, "may_deploy": False,
      "fork": Fork(owner="ada", name="ada/charts")}),
    ("deployment", "warning",
     {"config": DEPLOYS, "deployment": replace(READ_ONLY, name="o/moved")}),
    ("deployment", "problem", {"config": DEPLOYS, "deployment": missing}),
    ("deployment", "problem", {"config": DEPLOYS, "deployment": denied}),
    ("deployment", "problem", {"config": DEPLOYS, "may_deploy": False}),
    ("deployment", "problem",
     {"config": DEPLOYS, "deployment": replace(READ_ONLY, is_archived=True)}),
    ("deployment", "problem",
     {"config": DEPLOYS, "deployment": READ_ONLY, "fork": denied}),
    ("deployment", "unknown", {"config": DEPLOYS, "deployment": down}),
    ("charts", "ok", {}),
    ("charts", "ok", {"config": DEPLOYS}),
    ("charts", "ok", {"config": DEPLOYS._replace(
        deploy_charts=("apps/stars",))}),
    ("charts", "problem", {"config": DEPLOYS, "deployed": {}}),
    ("charts", "warning", {"config": DEPLOYS, "deployed": {
        "apps/stars/Chart.yaml": CHART,
        "apps/stars/values.yaml": "image: {tag: v0.3.0}\n"}}),
    ("charts", "problem", {"config": DEPLOYS._replace(
        deploy_charts=("apps/other",))}),
    ("charts", "unknown", {"config": DEPLOYS, "deployment": down}),
    ("pull-secret", "ok", {}),
    ("pull-secret", "warning", {"images": PRIVATE}),
    ("pull-secret", "ok", {"images": PRIVATE, "config": DEPLOYS}),
    ("pull-secret", "warning",
     {"images": PRIVATE, "config": DEPLOYS,
      "deployed": {"apps/stars/Chart.yaml": CHART}}),
    ("pull-secret", "unknown",
     {"images": PRIVATE, "config": DEPLOYS, "deployed": {}}),
    ("lock", "ok", {}),
    ("lock", "ok", {"files": LOCKED}),
    ("lock", "warning", {"files": LOCKED, "lock": False}),
    ("lock", "problem",
     {"files": {**LOCKED, "Dockerfile": "RUN uv sync --frozen\n"},
      "lock": False}),
    ("lock", "unknown", {"files": LOCKED, "lock": down}),
    ("lock-age", "ok", {"files": LOCKED}),
    ("lock-age", "warning",
     {"files": LOCKED, "changed_at": NOW - timedelta(days=31)}),
    ("lock-age", "warning",
     {"files": LOCKED, "changed_at": NOW - timedelta(days=198)}),
    ("lock-age", "warning",
     {"files": {"go.sum": ""}, "changed_at": NOW - timedelta(days=198)}),
    ("lock-age", "warning",
     {"files": {"bun.lock": ""}, "changed_at": NOW - timedelta(days=198)}),
    ("lock-age", "problem",
     {"files": {"requirements.txt": ""}, "config": FRESH,
      "changed_at": NOW - timedelta(days=15)}),
    ("lock-age", "ok",
     {"files": LOCKED, "config": FRESH,
      "changed_at": NOW - timedelta(days=14)}),
    ("lock-age", "warning",
     {"files": LOCKED, "config": Config(dependencies_max_age=200),
      "changed_at": NOW - timedelta(days=198)}),
    ("lock-age", "ok",
     {"files": LOCKED, "changed_at": NOW - timedelta(days=181),
      "updates": ()}),
    ("lock-age", "problem",
     {"files": LOCKED, "changed_at": NOW - timedelta(days=181),
      "config": FRESH, "updates": ("idna v3.6 -> v3.20",)}),
    ("lock-age", "unknown", {"files": LOCKED, "changed_at": down}),
    ("dependency-pulls", "ok", {"pulls": (pull("feature", days=90),)}),
    ("dependency-pulls", "warning", {"pulls": (pull("renovate/uv"),)}),
    ("dependency-pulls", "warning",
     {"pulls": (pull("x", days=90, author="dependabot[bot]"),)}),
    ("dependency-pulls", "problem",
     {"pulls": (pull("x", days=31, author="dependabot[bot]"),),
      "config": FRESH}),
    ("dependency-pulls", "unknown", {"pulls": denied}),
    ("periodic-ci", "ok", {}),
    ("periodic-ci", "ok", {**workflow(DATE), "scheduled": run("success")}),
    ("periodic-ci", "warning",
     {**workflow(DATE), "scheduled": run("failure")}),
    ("periodic-ci", "warning",
     {**workflow(DATE),
      "scheduled": replace(run("success"), created_at=NOW - OLD_RUN * 2)}),
    ("periodic-ci", "unknown", {**workflow(DATE), "scheduled": denied}),
    ("fragments", "ok", {}),
    ("fragments", "warning", fragment(empty=("Bug fixes",))),
    ("fragments", "warning", fragment()),
    ("fragments", "warning", fragment(Part("Strange", "- x"))),
    ("fragments", "warning",
     {**fragment(Part("New features", "- x")),
      "files": {"pyproject.toml": SCRIV}}),
    ("fragments", "unknown", BLIND),
    ("fragment-missing", "ok",
     {"added": (("feat: a", ("changelog.d/a.md", "b")), ("docs: c", ("c",)))}),
    ("fragment-missing", "ok",
     {"added": (("build: a", ("changelog.d/_template.md",)),
                ("feat: b", ("b",)))}),
    ("fragment-missing", "ok",
     {"history": history(previous=None), "added": (("feat: a", ("b",)),)}),
    ("fragment-missing", "warning", {"added": (("feat: a", ("b",)),)}),
    ("fragment-missing", "unknown", {"added": down}),
    ("python-version", "ok", {}),
    ("python-version", "ok",
     {"files": {"pyproject.toml": "[tool.setuptools_scm]\n"}}),
    ("python-version", "problem",
     {"files": {"pyproject.toml": "[tool.setuptools_scm]\n"},
      "proposal": {"tag": "1.2.0-nightly.1"}}),
    ("python-version", "warning",
     {"files": {"pyproject.toml": "hatch-vcs"},
      "proposal": {"tag": "example/1.2.0"}}),
    ("python-version", "problem",
     {"files": {"setup.py": "setup(use_scm_version=True)\n"},
      "proposal": {"tag": "1.2.0-nightly.1"}}),
    ("python-version", "unknown", {"files": {"pyproject.toml": down}}),
]  # fmt: skip

BY_KEY = {check.key: check for check in CHECKS}

ALWAYS_TELL = {"branch", "unfinished"}
"""What they look at was read before, or nothing would be checked."""

NEVER_STOP = {"immutable"}
"""What they find is neither good nor bad."""


@pytest.mark.parametrize(
    ("key", "state", "values"),
    TABLE,
    ids=[f"{n}-{key}-{state}" for n, (key, state, _) in enumerate(TABLE)],
)
def test_check(key: str, state: str, values: dict[str, Any]) -> None:
    finding = look_at(BY_KEY[key], Scene(**values).facts())
    assert finding.state == state, finding
    assert finding.text
    if state in {"problem", "warning"}:
        assert finding.advice, "it says what to do"


def test_every_check_is_seen_in_every_state() -> None:
    assert len(BY_KEY) == len(CHECKS)
    seen: dict[str, set[str]] = {key: set() for key in BY_KEY}
    for key, state, _ in TABLE:
        seen[key].add("bad" if state in {"problem", "warning"} else state)
    for key, states in seen.items():
        wanted = {"ok", "bad", "unknown"}
        wanted -= {"unknown"} if key in ALWAYS_TELL else set()
        wanted -= {"bad"} if key in NEVER_STOP else set()
        assert states >= wanted, key


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.key)
def test_what_blocks_is_said(check: Check) -> None:
    """The reference says when a check blocks, and why, or that it never does.

    A check that blocks makes the release fail, or lie; all else is a warning.
    """
    told = check.look.__doc__ or ""
    blocks = {key for key, state, _ in TABLE if state == "problem"}
    assert ("Blocks" in told.split()) is (check.key in blocks)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.key)
def test_blindness_is_never_ok_nor_a_problem(check: Check) -> None:
    """Where nothing at all answers, no check says that all is well."""
    if check.key in ALWAYS_TELL:
        return
    names = (
        "uncommitted", "is_shallow", "unfetched_tags", "remote_head",
        "remote_tag", "repository", "credentials", "rulesets",
        "branch_rules", "immutable", "checks", "pulls", "changed_at",
        "added", "differ", "starts", "workflow_state", "past_runs",
        "signs", "pushes",
    )  # fmt: skip
    blind: dict[str, Any] = dict.fromkeys(names, down)
    files = dict.fromkeys((CI, "Dockerfile", "uv.lock", "pyproject.toml"))
    blind["identity"] = Identity(name="o/n")
    blind["files"] = dict.fromkeys(files, down)
    blind |= {"deployment": down, "config": DEPLOYS}
    blind["pages"] = dict.fromkeys(("1.1.0", "1.1.1"), down)
    finding = look_at(check, Scene(**blind, **BLIND, branch="1.0").facts())
    assert finding.state == "unknown", finding


@pytest.mark.parametrize(
    ("scene", "text", "remedy"),
    [
        (
            {"workflow_state": "disabled_manually"},
            f"{CI} was disabled by hand",
            f"enable it: `gh workflow enable ci.yaml --repo {NAME}`",
        ),
        (
            {"workflow_state": "disabled_inactivity"},
            f"{CI} was disabled by GitHub, after 60 days without activity",
            f"enable it: `gh workflow enable ci.yaml --repo {NAME}`",
        ),
        (
            {"workflow_state": "disabled_fork"},
            f"{CI} is disabled, as all workflows of a fork are at first",
            (
                "enable it, and workflows on the fork's Actions page: `gh"
                f" workflow enable ci.yaml --repo {NAME}`"
            ),
        ),
        (
            {"workflow_state": "deleted"},
            f"{CI} was deleted on GitHub",
            "push it to the default branch",
        ),
        (
            {"runs_workflows": False},
            f"Actions are disabled for {NAME}",
            (
                "enable them in the repository's settings (`gh browse"
                " --settings`); where these are greyed out, the organization"
                " disables them"
            ),
        ),
    ],
)
def test_what_keeps_workflows_from_running_is_told(
    scene: dict[str, Any], text: str, remedy: str
) -> None:
    finding = look_at(BY_KEY["workflow-enabled"], Scene(**scene).facts())
    assert (finding.text, finding.advice) == (text, remedy)


def test_workflow_that_starts_the_publishing_one_must_be_enabled() -> None:
    first = "name: CI\non: {push: {tags: ['*']}}\njobs: {}\n"
    second = LOGIN.replace(
        "on: {release: {types: [published]}}",
        "on: {workflow_run: {workflows: [CI]}}",
    ).replace("github.ref_name", "github.event.workflow_run.head_branch")
    files = {CI: first, f"{CI[:-7]}build.yaml": second}
    scene = Scene(files=files)
    finding = look_at(BY_KEY["workflow-enabled"], scene.facts())
    assert finding.text == (
        ".github/workflows/build.yaml and .github/workflows/ci.yaml are"
        " enabled"
    )
    finding = look_at(BY_KEY["workflow"], scene.facts())
    assert finding.text == (
        ".github/workflows/build.yaml publishes docker.io/o/n on workflow_run,"
        " after ci.yaml"
    )


@pytest.mark.parametrize(
    ("before", "files", "text"),
    [
        (
            WORKFLOW,
            {f"{CI[:-7]}new.yaml": WORKFLOW},
            (
                ".github/workflows/new.yaml publishes the images; at 1.1.0 it"
                f" was {CI}"
            ),
        ),
        (
            LOGIN.replace("{release: {types: [published]}}", "push"),
            {CI: LOGIN},
            f"{CI} runs on release; at 1.1.0 on push",
        ),
        (
            f"name: Old\n{LOGIN}",
            {CI: f"name: New\n{LOGIN}"},
            f"{CI} is called New now; it was Old",
        ),
    ],
)
def test_publishing_that_changed_is_told(
    before: str, files: dict[str, Any], text: str
) -> None:
    scene = Scene(before=before, files=files)
    finding = look_at(BY_KEY["workflow-moved"], scene.facts())
    assert finding.text == text
    assert finding.advice == "rehearse the release (`rsp-release rehearse`)"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (
            Environment(name="prod", refs=(("branch", "*"),)),
            f"environment prod of {CI} does not admit tag 1.1.1",
        ),
        (
            Environment(name="prod", reviewers=("ada", "team ops")),
            (
                f"{CI} will wait: environment prod needs approval by ada or"
                " team ops"
            ),
        ),
        (
            Environment(name="prod", wait=timedelta(minutes=30)),
            f"{CI} will wait: environment prod waits 30 min",
        ),
    ],
)
def test_environment_is_told(environment: Environment, text: str) -> None:
    scene = Scene(**PROTECTS, environment=environment)
    assert look_at(BY_KEY["environments"], scene.facts()).text == text


def test_tag_beyond_the_filters_is_told() -> None:
    filtered = LOGIN.replace(
        "{release: {types: [published]}}", "{push: {tags: ['v*']}}"
    )
    scene = Scene(files={CI: filtered})
    finding = look_at(BY_KEY["workflow"], scene.facts())
    assert (
        "the tag 1.1.1 does not start it: on.push.tags is v*" in finding.text
    )
    assert "`tag-prefix` in the settings" in finding.advice


def test_remedy_of_the_cause_wins() -> None:
    images = report("unknown", reason="cannot resolve", help="check the DNS")
    facts = Scene(proposal={"previous_tag": "1.1.0"}, images=images).facts()
    [check] = [c for c in CHECKS if c.key == "previous-images"]
    finding = check.look(facts)
    assert finding.remedy == "check the DNS"
    assert finding.command is None


def test_checks_run_together_and_none_stops_another() -> None:
    together = threading.Barrier(4, timeout=10)

    def meet(facts: Facts) -> Any:
        together.wait()
        return ok("met")

    def break_(facts: Facts) -> Any:
        raise NotAllowedError("no", help="ask")

    looks = [meet, meet, break_, meet, meet]
    checks = [
        Check(key=str(n), group="g", title="t", look=look)
        for n, look in enumerate(looks)
    ]
    began = time.monotonic()
    reports = list(run_checks(checks, Scene().facts()))
    assert [r.check.key for r in reports] == list("01234")
    assert [r.finding.state for r in reports].count("ok") == 4
    assert reports[2].finding.state == "unknown"
    assert reports[2].finding.remedy == "ask"
    assert time.monotonic() - began < 5


def test_which_are_done_is_told() -> None:
    first, rest = threading.Event(), threading.Event()
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)
        (first if len(heard) == 1 else rest).set()

    def wait(facts: Facts) -> Any:
        assert first.wait(5)
        return ok("after")

    def wait_longer(facts: Facts) -> Any:
        assert rest.wait(5)
        return ok("last")

    looks = {"one": lambda facts: ok("at once"), "two": wait,
             "three": wait_longer}  # fmt: skip
    checks = [
        Check(key=title, group="g", title=title, look=look)
        for title, look in looks.items()
    ]
    reports = list(run_checks(checks, Scene().facts(), heard=hear))
    assert [r.check.key for r in reports] == ["one", "two", "three"]
    assert heard == [
        "1 of 3 checks done, waiting for two, three",
        "2 of 3 checks done, waiting for three",
    ]


def test_each_thing_is_read_once() -> None:
    count = []

    def repository() -> Any:
        count.append(1)
        return down()

    list(run_checks(CHECKS, Scene(repository=repository).facts()))
    assert len(count) == 1


def test_offline_nothing_beyond_this_machine_is_asked() -> None:
    names = (
        "remote_head", "remote_tag", "unfetched_tags", "repository",
        "credentials", "rulesets", "branch_rules", "immutable",
        "secrets", "checks", "pulls", "scheduled",
        "past_runs", "may_write", "may_pull", "starts",
        "workflow_state", "pushes",
    )  # fmt: skip
    asked: dict[str, Any] = dict.fromkeys(names, down)
    scene = Scene(is_offline=True, **asked)
    reports = list(run_checks(CHECKS, scene.facts()))
    assert len(reports) > 10
    assert {r.finding.state for r in reports} == {"ok"}


def test_the_repositorys_own_way_to_update_is_named() -> None:
    files = {**LOCKED, "Makefile": ".PHONY: x\nupdate-deps:\n\tuv lock\n"}
    scene = Scene(files=files, changed_at=NOW - timedelta(days=181))
    finding = look_at(BY_KEY["lock-age"], scene.facts())
    assert finding.command == "make update-deps"


def test_who_may_bypass_a_branchs_rules_is_told() -> None:
    rules = (ruleset(include=("refs/heads/ma*",), bypass="always"),)
    scene = Scene(branch_rules=PROTECTED, rulesets=rules)
    finding = look_at(BY_KEY["branch-rules"], scene.facts())
    assert "you can bypass ruleset 'tags'" in finding.text


def test_commands_are_quoted_for_a_shell() -> None:
    evil = "a;$(touch${IFS}x)`y`'z"
    found = [
        look_at(BY_KEY[key], Scene(**values).facts()).command
        for key, values in (
            ("branch", {"proposal": {"default_branch": evil}, "branch": "x"}),
            ("up-to-date", {"branch": evil, "remote_head": None}),
            ("tag-free", {"proposal": {"tag": evil}, "local_tag": COMMIT}),
            ("unfinished", {"begun": evil}),
        )
    ]
    assert all(command and shlex.split(command)[-1] == evil
               for command in found), found  # fmt: skip


def test_fork_is_named() -> None:
    def say(fork: Fork) -> str:
        scene = Scene(config=DEPLOYS, deployment=READ_ONLY, fork=fork)
        return look_at(BY_KEY["deployment"], scene.facts()).text

    assert say(Fork(owner="ada")).endswith(f"from a new fork of {DEPLOY}")
    named = Fork(owner="ada", name="ada/charts-1", is_ready=True)
    assert say(named).endswith("from the fork ada/charts-1")

"""Checks of the deployment repository, which gets the pull request."""

from __future__ import annotations

from ..deployment.charts import Place
from ..deployment.effective import read_tags
from ..deployment.places import find_places, list_files
from ..exceptions import BlockedError, NotAllowedError
from ..models import Repository
from ..models.naming import name_first
from .base import Finding, denied, ok, problem, unknown, warning
from .facts import Facts, once

__all__ = ["check_access", "check_charts", "check_pull_secret"]

_PULL_SECRET = ("imagePullSecrets", "pull-secret", "pullSecret")
"""How charts name the secret that an image is pulled with."""


def check_access(facts: Facts) -> Finding:
    """Tell whether the deployment pull request may be opened.

    Blocks where it may not: the last step would fail.
    """
    old = facts.config.deploy_repository
    if old is None:
        return ok("not needed: no deployment repository is set")
    try:
        finding = _judge_access(facts, old)
        new = _repository(facts).name
    except (BlockedError, NotAllowedError) as e:
        return denied(e.message, e.help, url=e.url)
    if finding.state != "ok" or old.lower() == new.lower():
        return finding
    return warning(
        f"{facts.config.where('deploy.repository')} still says {old}; {new}"
        " is its name",
        "let it say the new name",
    )


def _judge_access(facts: Facts, name: str) -> Finding:
    repository = _repository(facts)
    if repository.is_archived:
        return problem(
            f"{name} is archived",
            "set another `deploy.repository`",
        )
    if repository.can_push is False:
        try:
            fork = facts.deploy.fork()
        except NotAllowedError:
            return denied(
                f"the token can neither write to {name} nor fork it",
                f"use a token with the permissions Contents: write and Pull"
                f" requests: write for {name}",
            )
        # From a fork of one's own it may be who can read the repository.
        how = f"the fork {fork.name}" if fork.name else f"a new fork of {name}"
        return ok(f"pull requests in {name} come from {how}")
    if not facts.deploy.may_write_pulls(repository.default_branch):
        return denied(
            f"the token cannot open pull requests in {name}",
            f"use a token with the permission Pull requests: write for {name}",
        )
    return ok(f"the token can open pull requests in {name}")


def check_charts(facts: Facts) -> Finding:
    """Tell whether the charts that get the version are there.

    Blocks where they are not: there would be nothing to deploy by.
    """
    name = facts.config.deploy_repository
    if name is None:
        return ok("not needed: no deployment repository is set")
    try:
        places = _places(facts)
        deploy, commit = facts.deploy, _head(facts)
        tags = read_tags(
            deploy,
            commit,
            [place.path for place in places if place.is_app_version],
            source=facts.proposal.repository,
            names=_names(facts),
            # The step wants these next.
            also=list_files(places, deploy.paths(commit)),
        )
    except BlockedError as e:
        return problem(e.message, e.help)
    if tags and not any(tag.place in places for tag in tags):
        pins = [f"{tag.place} {tag.tag}" for tag in tags]
        return warning(
            f"no environment follows appVersion: {name_first(pins)}",
            "the release ends before its deployment; then `rsp-release deploy"
            " --environment E` moves a pin",
        )
    return ok(f"{name} has {name_first([str(place) for place in places])}")


def check_pull_secret(facts: Facts) -> Finding:
    """Tell whether what is deployed can pull an image that is private."""
    private = [
        report.image
        for report in facts.previous_images()
        if report.needs_credentials
    ]
    if not private:
        return ok("no image needs a pull secret, as far as known")
    text = f"{name_first(private)} is private"
    if facts.config.deploy_repository is None:
        return warning(
            f"{text}, and no deployment repository is set",
            "add a pull secret to the deployment, or make the package public",
        )
    try:
        places, deploy = _places(facts), facts.deploy
    except BlockedError as e:
        return unknown(f"{text}; {e.message}", e.help)
    commit = _head(facts)
    for place in places:
        if not place.is_app_version:
            return unknown(
                f"{text}; cannot tell if {place} has a pull secret",
                "check that it has one",
            )
        files = [
            path
            for path in deploy.paths(commit)
            if path.startswith(f"{place.directory}/")
            and path.endswith((".yaml", ".yml", ".tpl"))
        ]
        texts = deploy.scan(commit, files)
        if not any(w in text for text in texts.values() for w in _PULL_SECRET):
            return warning(
                f"{text}, but {place.directory} of {deploy.name} has no pull"
                " secret",
                "add `imagePullSecrets:` to its templates, or make the"
                " package public",
            )
    return ok(f"{text}; the deployment has a pull secret")


@once
def _repository(facts: Facts) -> Repository:
    return facts.deploy.repository()


@once
def _head(facts: Facts) -> str:
    branch, deploy = _repository(facts).default_branch, facts.deploy
    commit = deploy.branch(deploy.name, branch)
    if commit is None:
        raise BlockedError(f"{deploy.name} has no branch {branch}")
    return commit


@once
def _places(facts: Facts) -> tuple[Place, ...]:
    """Find what gets the version, as the step that writes it does."""
    deploy, commit = facts.deploy, _head(facts)
    paths = set(deploy.paths(commit))
    named = facts.config.deploy_charts
    return find_places(
        deploy, commit, paths, named=named, url=facts.world.forge.url,
        names=_names(facts), former=facts.proposal.former,
    )  # fmt: skip


def _names(facts: Facts) -> set[str]:
    """Return the images that tell charts apart where none is named."""
    named = facts.config.deploy_charts
    publication = None if named else facts.publication()
    images = publication.images if publication else ()
    return {n for image in images for n in (image.name, *image.former)}

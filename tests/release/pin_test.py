"""What was begun goes on, whatever its repository was called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from rsp_release.exceptions import BlockedError
from rsp_release.models import Proposal, Release
from rsp_release.release.pin import adopt, pin, propose_release
from rsp_release.release.project import Project
from rsp_release.version.choose import Request
from tests.support.campaign import make_releaser
from tests.support.simulated import COMMIT, Chaos, Hub, VirtualClock


@pytest.fixture
def project(tmp_path: Path) -> Project:
    hub = Hub(VirtualClock())
    releaser = make_releaser(hub, Chaos(), tmp_path, random=Random(0))
    return replace(releaser.project, repository="o/old", repository_id=7)


@pytest.fixture
def proposal(project: Project) -> Proposal:
    history = project.read_history("HEAD")
    _, proposal = propose_release(project, history, Request())
    assert proposal is not None
    return proposal


@pytest.fixture
def release(project: Project, proposal: Proposal) -> Release:
    return pin(project, proposal, COMMIT)


def test_what_has_its_name_is_as_it_was(
    project: Project, release: Release
) -> None:
    assert release.repository_id == 7
    assert adopt(project, release) is release
    # As GitHub spells it is the same name; where it was not asked, so is any.
    assert adopt(replace(project, repository="O/Old"), release) is release
    asked = replace(project, repository="o/new", repository_id=None)
    assert adopt(asked, release) is release


def test_new_name_is_taken_and_the_old_one_kept(
    project: Project, proposal: Proposal, release: Release
) -> None:
    renamed = replace(project, repository="new/name", former=("o/other",))
    adopted = adopt(renamed, release)
    assert adopted.repository == "new/name"
    assert adopted.former == ("o/old", "o/other")
    [image] = adopted.images
    assert image.name == "ghcr.io/new/name"
    assert image.former == ("ghcr.io/o/old", "ghcr.io/o/other")
    # What it has pushed and opened until then is found again.
    assert adopted.deploy_branch == release.deploy_branch
    again = adopt(replace(renamed, repository="o/third"), adopted)
    assert again.former == ("new/name", "o/old", "o/other")
    assert again.deploy_branch == release.deploy_branch
    assert adopt(renamed, proposal).repository == "new/name"
    # A journal of an earlier version knows no number.
    assert adopt(renamed, replace(release, repository_id=None)) == adopted


def test_settings_win(project: Project, release: Release) -> None:
    names = ("quay.io/o/corrected",)
    sources = {"images": ".rsp-release.toml:1"}
    config = project.config._replace(images=names, sources=sources)
    for name in ("o/old", "new/name"):
        corrected = replace(project, config=config, repository=name)
        adopted = adopt(corrected, release)
        assert tuple(image.name for image in adopted.images) == names


@pytest.mark.parametrize("name", ["o/old", "o/new"])
def test_another_repository_is_none_to_go_on_in(
    name: str, project: Project, proposal: Proposal, release: Release
) -> None:
    other = replace(project, repository=name, repository_id=8)
    for begun in (proposal, release):
        with pytest.raises(BlockedError, match="is another repository now"):
            adopt(other, begun)

"""What is proven of images, against the sandbox, on one virtual clock."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.models import Image, Notice, Release, Result
from rsp_sandbox import Scenario

from ..support.service import NAME, TAG, Service, serve
from ..support.watching import SharedClock

GHCR = f"ghcr.io/{NAME}"
HUB = f"docker.io/{NAME}"
BOTH = ("linux/amd64", "linux/arm64")


@dataclass(kw_only=True)
class Released:
    """A service that was released, and what can happen to its images."""

    service: Service
    clock: SharedClock

    def push(
        self,
        name: str = GHCR,
        *,
        minutes: float = 0,
        revision: str | None = None,
        platforms: tuple[str, ...] = BOTH,
    ) -> str:
        """Push another image over the release's tag, and let it show."""
        self.clock.sleep(60 * max(minutes, 0))
        label = "org.opencontainers.image.revision"
        return self.service.box.images.publish(
            name,
            TAG,
            at=self.clock.now() + timedelta(minutes=min(minutes, 0)),
            platforms=platforms,
            attestations=True,
            platform_tags=False,
            labels={label: revision} if revision else {},
        )

    def hide(self) -> None:
        """Make the image private, and log in as ``docker login`` does."""
        box = self.service.box
        box.images.images[GHCR].is_private = True
        auth = base64.b64encode(f"x:{box.token}".encode()).decode()
        host = urlsplit(box.server_url).netloc
        config = Path(self.service.environ["DOCKER_CONFIG"]) / "config.json"
        config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    def verify(self, *names: str, accepts: bool = False) -> Result:
        """Look for the images, or for others."""
        releaser = self.service.make_releaser()
        release = releaser.find(TAG)
        if names:
            release = _naming(release, names)
        *_, result = releaser.verify(release, accepts=accepts)
        assert isinstance(result, Result)
        return result


def _naming(release: Release, names: tuple[str, ...]) -> Release:
    assert release.publication is not None
    images = tuple(Image(name=n, tag=TAG, platforms=BOTH) for n in names)
    publication = replace(release.publication, images=images)
    return replace(release, publication=publication)


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Released]:
    clock = SharedClock()
    scenario = Scenario(speed=20)
    with serve(tmp_path, scenario=scenario, clock=clock) as service:
        result = service.bump()
        assert result.exit_status is ExitStatus.OK
        yield Released(service=service, clock=clock)


def test_image_is_proven(released: Released) -> None:
    result = released.verify()
    assert result.exit_status is ExitStatus.OK
    [report] = result.images
    assert report.state == "present"
    assert report.platforms == BOTH
    assert report.size
    assert report.created
    assert all(m.config_digest for m in report.manifests)
    assert report.reference == f"{GHCR}@{report.digest}"


def test_moved_tag_is_noticed_until_it_is_accepted(
    released: Released,
) -> None:
    before = released.verify().images[0].digest
    after = released.push(minutes=1)
    for _ in range(2):
        result = released.verify()
        assert result.exit_status is ExitStatus.IMAGE
        assert f"{GHCR}:{TAG} was moved" in (result.message or "")
        assert str(before) in (result.message or "")
        assert after in (result.message or "")
        assert f"verify {TAG} --accept" in (result.help or "")
    assert released.verify(accepts=True).exit_status is ExitStatus.OK
    assert released.verify().exit_status is ExitStatus.OK


def test_accepting_a_move_accepts_nothing_else(released: Released) -> None:
    released.push(minutes=1, revision="0" * 40)
    result = released.verify(accepts=True)
    assert result.exit_status is ExitStatus.IMAGE
    assert "is of another commit" in (result.message or "")
    # Nothing was proven, so nothing was kept.
    assert "was moved" in (released.verify().message or "")


def test_resumed_release_notices_a_moved_tag(released: Released) -> None:
    released.push(minutes=1)
    releaser = released.service.make_releaser()
    subject = releaser.plan_resume(TAG)
    *_, result = releaser.resume(subject)
    assert isinstance(result, Result)
    assert result.exit_status is ExitStatus.IMAGE
    assert "was moved" in (result.message or "")


def test_clean_clone_keeps_what_it_saw_first(released: Released) -> None:
    """Without a journal, and without having released anything itself."""
    service = released.service
    folder = service.clone / ".git" / "rsp-release"
    (folder / "images" / f"{TAG}.json").unlink()
    (folder / f"{TAG}.jsonl").unlink()
    service.git("tag", "--delete", TAG)
    assert released.verify().exit_status is ExitStatus.OK
    released.push(minutes=1)
    assert "was moved" in (released.verify().message or "")


@pytest.mark.parametrize(
    ("minutes", "label", "said"),
    [
        (-600, None, "is older than the tag"),
        # Built before the tag, as where images are promoted.
        (-600, "{commit}", None),
        (1, "{commit}", None),
        (1, "main", "is of another commit: its label names main"),
    ],
)
def test_age_and_commit(
    released: Released, minutes: float, label: str | None, said: str | None
) -> None:
    commit = released.service.box.state.tags(NAME)[TAG]
    revision = label.format(commit=commit) if label else None
    released.push(HUB, minutes=minutes, revision=revision)
    result = released.verify(HUB)
    if said is None:
        assert result.exit_status is ExitStatus.OK, result.message
    else:
        assert result.exit_status is ExitStatus.IMAGE
        assert said in (result.message or "")


def test_registries_are_compared(released: Released) -> None:
    released.push(minutes=1)
    released.push(HUB)
    result = released.verify(GHCR, HUB, accepts=True)
    assert result.exit_status is ExitStatus.OK, result.message
    released.push(HUB, minutes=2)
    result = released.verify(GHCR, HUB, accepts=True)
    assert result.exit_status is ExitStatus.IMAGE
    assert f"linux/amd64 differs: {GHCR} has sha256:" in (result.message or "")
    assert "push one build to all registries" in (result.help or "")


def test_image_that_strangers_cannot_see(released: Released) -> None:
    released.hide()
    result = released.verify()
    assert result.exit_status is ExitStatus.OK, result.message
    assert result.images[0].needs_credentials


def test_what_is_printed(released: Released) -> None:
    """The whole program, for people and for programs."""
    service = released.service
    released.hide()
    digest = released.verify().images[0].digest
    told = service.run("verify", TAG)
    assert told.returncode == 0, told.stderr
    assert f"{GHCR}@{digest}\n" in told.stdout
    for platform in BOTH:
        row = rf"{platform}  [0-9a-f]{{12}}  +\d+ B  20"
        assert re.search(row, told.stdout)
    assert f"The image of {TAG} is published\n" in told.stdout
    assert "needs a pull secret" in told.stdout
    released.push(minutes=1)
    as_json = service.run("verify", TAG, "--json")
    assert as_json.returncode == 6
    last = json.loads(as_json.stdout.splitlines()[-1])
    assert "was moved" in last["message"]
    [image] = last["images"]
    assert image["size"] > 0
    assert image["created"].startswith("20")
    for manifest in image["manifests"]:
        assert manifest["config_digest"].startswith("sha256:")
    assert service.run("verify", TAG, "--accept").returncode == 0
    assert service.run("verify", TAG).returncode == 0


def test_settings_correct_what_was_pinned(released: Released) -> None:
    """What a person says of the images goes before what was pinned."""
    service = released.service

    def resume(platform: str) -> tuple[Result, list[str]]:
        settings = service.clone / ".rsp-release.toml"
        settings.write_text(f'platforms = ["{platform}"]\n')
        releaser = service.make_releaser()
        events = list(releaser.resume(releaser.plan_resume(TAG)))
        result = events[-1]
        assert isinstance(result, Result)
        return result, [e.text for e in events if isinstance(e, Notice)]

    result, told = resume("linux/s390x")
    assert result.exit_status is ExitStatus.IMAGE
    s390x = f"{GHCR}:{TAG} (linux/s390x)"
    before = f"{GHCR}:{TAG} ({', '.join(BOTH)})"
    assert told == [f"images by the settings: {s390x}; {before} before"]
    assert resume("linux/s390x")[1] == []
    result, told = resume("linux/arm64/v8")
    assert result.exit_status is ExitStatus.OK
    arm64 = f"{GHCR}:{TAG} (linux/arm64)"
    assert told == [f"images by the settings: {arm64}; {s390x} before"]

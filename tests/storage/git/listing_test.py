"""What a remote lists to whoever may push, by each way that git connects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from rsp_release.engine.look import Look
from rsp_release.exceptions import NotAllowedError, NotSentError
from rsp_release.models.naming import CLAIM
from rsp_release.storage.git.clone import GitClone
from rsp_release.storage.git.listing import list_for_push
from rsp_release.storage.git.remote import Remote
from rsp_release.storage.git.repository import Repository

from ...support.clone import Clone
from ...support.service import NAME, Service, serve
from ...support.simulated import VirtualClock

_DENIED = "ERROR: Permission to o/n.git denied to ada."


class Here:
    """A bare repository, and a clone of it whose SSH stays here."""

    def __init__(self, folder: Path) -> None:
        self.remote = Clone(folder / "remote", init=False)
        self.first = Clone(folder / "first")
        self.first.commit()
        self.first.tag("1.0.0", annotated=True)
        self.first.tag("light")
        self.first.git("clone", "-q", "--bare", ".", str(self.remote.path))
        self.clone = Clone(folder / "clone", init=False)
        self.remote.git("clone", "-q", ".", str(self.clone.path))
        self.remote.git("update-ref", CLAIM, "refs/heads/main")
        self.told = folder / "told"
        self._ssh = folder / "ssh"

    def connect_by(self, how: str, said: str = "") -> None:
        """Name the remote by a path, a URL, or over SSH."""
        path = str(self.remote.path)
        urls = {
            "path": path,
            "file": f"file://{path}",
            "ssh": f"ssh://git@github.com{path}",
            "scp": f"git@github.com:{path}",
        }
        self.clone.git("remote", "set-url", "origin", urls[how])
        refusal = f"case \"$it\" in *receive-pack*) echo '{said}' >&2; exit 1"
        self._ssh.write_text(
            '#!/bin/sh\nfor it; do :; done\necho "$it" >> '
            f"{self.told}\n{f'{refusal};; esac' if said else ''}\n"
            'eval "exec $it"\n'
        )
        self._ssh.chmod(0o755)
        self.clone.git("config", "core.sshCommand", str(self._ssh))

    def open(self, look: Look | None = None) -> GitClone:
        repository = Repository(
            self.clone.path,
            environ={
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
            },
        )
        remote = Remote(
            repository,
            name="origin",
            server_url="https://github.com",
            token="secret",
            clock=VirtualClock(),
            random=Random(0),
            look=look,
        )
        return GitClone(repository, remote, sign="never")

    @property
    def programs(self) -> list[str]:
        """What was asked for over SSH."""
        lines = (
            self.told.read_text().splitlines() if self.told.exists() else ()
        )
        return [line.split()[0] for line in lines]


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serve(tmp_path_factory.mktemp("service") / "it") as service:
        yield service


@pytest.mark.parametrize("how", ["path", "file", "ssh", "scp"])
def test_one_connection_lists_and_tells_that_we_may_push(
    here: Here, how: str
) -> None:
    here.connect_by(how)
    plain, look = here.open(), Look(VirtualClock())
    listing = here.open(look)
    here.told.unlink(missing_ok=True)
    # Whoever asks first.
    assert listing.try_push("1.1.0", listing.head()) is True
    found = listing.remote_refs("main")
    assert here.programs in ([], ["git-receive-pack"])
    assert found == plain.remote_refs("main")
    assert found.claim == found.head
    assert found.tags == {"1.0.0": found.head, "light": found.head}


@pytest.mark.parametrize("how", ["ssh", "scp"])
def test_who_may_only_read_sees_all_of_it(here: Here, how: str) -> None:
    here.connect_by(how, said=_DENIED)
    look = Look(VirtualClock())
    clone = here.open(look)
    found = clone.remote_refs("main")
    assert found.tags == {"1.0.0": found.head, "light": found.head}
    with pytest.raises(NotAllowedError, match="not allowed to push") as e:
        clone.try_push("1.1.0", clone.head())
    assert _DENIED in e.value.message
    programs = ["git-receive-pack", "git-upload-pack"]
    assert here.programs == programs
    # It is asked once whether we may.
    look.end()
    assert clone.remote_refs("main") == found
    assert here.programs == [*programs, "git-upload-pack"]


def test_tag_that_the_clone_lacks_is_asked_for(here: Here) -> None:
    """Who lists for a push is not told what a tag points to."""
    here.connect_by("ssh")
    here.first.tag("1.1.0", annotated=True)
    here.first.git("push", "-q", str(here.remote.path), "1.1.0")
    clone = here.open(Look(VirtualClock()))
    found = clone.remote_refs("main")
    assert found.tags["1.1.0"] == found.head
    assert found.unfetched == {"1.1.0"}
    assert here.programs == ["git-receive-pack", "git-upload-pack"]
    assert clone.try_push("1.2.0", clone.head()) is True
    assert len(here.programs) == 2


@pytest.mark.parametrize(
    "setting",
    [
        ("remote.origin.pushurl", "/nonexistent/n.git"),
        ("url./nonexistent/.pushInsteadOf", "file://"),
        ("url./nonexistent/.pushInsteadOf", "git@github.com:"),
    ],
)
def test_where_it_is_read_says_nothing_of_a_push_elsewhere(
    here: Here, setting: tuple[str, str]
) -> None:
    here.connect_by("scp" if "git@" in setting[1] else "file")
    here.clone.git("config", *setting)
    clone = here.open(Look(VirtualClock()))
    assert clone.remote_refs("main").claim
    with pytest.raises(NotSentError, match="cannot be reached"):
        clone.try_push("1.1.0", clone.head())


def test_every_place_that_is_pushed_to_is_asked(here: Here) -> None:
    here.connect_by("file")
    url = here.clone.git("remote", "get-url", "origin").strip()
    for place in (url, "/nonexistent/n.git"):
        here.clone.git("remote", "set-url", "--add", "--push", "origin", place)
    clone = here.open(Look(VirtualClock()))
    with pytest.raises(NotSentError, match="cannot be reached"):
        clone.try_push("1.1.0", clone.head())


def test_program_that_a_remote_names_is_asked(here: Here) -> None:
    here.connect_by("ssh")
    program = "/usr/bin/env git-receive-pack"
    here.clone.git("config", "remote.origin.receivepack", program)
    clone = here.open(Look(VirtualClock()))
    assert clone.try_push("1.1.0", clone.head()) is True
    assert here.programs == ["/usr/bin/env"]


@pytest.mark.parametrize("may_write", [True, False])
def test_over_http(service: Service, may_write: bool) -> None:  # noqa: FBT001
    level = "write" if may_write else "read"
    token = service.box.add_token({"contents": level}, "fine-grained")
    url = service.box.git_url(NAME)
    before = len(service.box.state.requests)
    repository = Repository(service.clone, environ=service.environ)
    service.git(
        "remote", "set-url", "origin", url.replace("://", f"://x:{token}@")
    )
    remote = Remote(
        repository,
        name="origin",
        server_url=service.box.server_url,
        token=service.box.token,
        clock=VirtualClock(),
        random=Random(0),
        look=Look(VirtualClock()),
    )
    clone = GitClone(repository, remote, sign="never")
    assert clone.remote_tag("1.4.0") == clone.local_tag("1.4.0")
    if may_write:
        assert clone.try_push("1.5.0", clone.head()) is True
    else:
        with pytest.raises(NotAllowedError, match="not allowed to push") as e:
            clone.try_push("1.5.0", clone.head())
        assert token not in e.value.message
    asked = {
        record.query.get("service", "")
        for record in service.box.state.requests[before:]
        if record.status is not None and record.status < 400
    } - {""}
    assert asked == {"git-receive-pack" if may_write else "git-upload-pack"}


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c false",
        "git://github.com/o/n.git",
        "ftp://example.org/n.git",
    ],
)
def test_other_ways_are_not_tried(here: Here, url: str) -> None:
    repository = Repository(here.clone.path, environ={})
    found, said = list_for_push(
        repository, name="origin", url=url, target="origin", env={}
    )
    assert (found, said) == (None, "")

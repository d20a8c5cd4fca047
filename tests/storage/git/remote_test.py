"""Pushes to real git: the claim moves with them, or nothing does."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import enumerate as enumerate_threads

import pytest

from rsp_release.engine.look import Look
from rsp_release.exceptions import NotSentError, ReadError, RefusedError
from rsp_release.models import PushTag
from rsp_release.models.naming import CLAIM
from rsp_release.storage.git.clone import GitClone
from rsp_release.storage.git.remote import Remote
from rsp_release.storage.git.repository import Repository

from ...support.clone import Clone
from ...support.simulated import VirtualClock

ENVIRON = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Hub:
    """A bare repository, and people with clones of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = Clone(folder / "remote", init=False)
        first = Clone(folder / "first")
        self.commit = first.commit()
        first.git("clone", "-q", "--bare", ".", str(self.remote.path))

    def clone(self, name: str, look: Look | None = None) -> GitClone:
        path = self.folder / name
        self.remote.git("clone", "-q", ".", str(path))
        repository = Repository(
            path,
            environ={
                **ENVIRON,
                "GIT_AUTHOR_NAME": name,
                "GIT_AUTHOR_EMAIL": "a@example.org",
                "GIT_COMMITTER_NAME": name,
                "GIT_COMMITTER_EMAIL": "a@example.org",
            },
        )
        remote = Remote(
            repository,
            name="origin",
            server_url="https://github.com",
            token=None,
            clock=VirtualClock(),
            random=Random(0),
            look=look,
        )
        return GitClone(repository, remote, sign="never")

    def tag(self, name: str, claim: str = "") -> PushTag:
        return PushTag(
            tag=name,
            commit=self.commit,
            branch="main",
            message=f"{name}\n",
            claim=claim,
        )

    def hook(self, name: str, text: str) -> None:
        hook = self.remote.path / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        hook.chmod(0o755)

    @property
    def refs(self) -> dict[str, str]:
        listed = self.remote.git(
            "for-each-ref", "--format=%(refname) %(objectname)"
        )
        lines = (line.partition(" ") for line in listed.splitlines())
        return {ref: hash_ for ref, _, hash_ in lines}


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def test_claim_moves_with_the_push(hub: Hub) -> None:
    git = hub.clone("Ada")
    assert git.remote_refs("main").claim == ""
    assert git.push_tag(hub.tag("1.5.0")) is None
    assert hub.refs[CLAIM] == hub.refs["refs/tags/1.5.0"]
    # Whoever comes next takes it from where it is, forwards or not.
    bea = hub.clone("Bea")
    claim = bea.remote_refs("main").claim
    assert bea.push_tag(hub.tag("1.6.0", claim)) is None
    assert hub.refs[CLAIM] == hub.refs["refs/tags/1.6.0"] != claim


def test_one_look_shows_what_others_have_begun(hub: Hub) -> None:
    ada, bea = hub.clone("Ada"), hub.clone("Bea")
    ada.push_tag(hub.tag("1.5.0"))
    branch = "rsp-release/changelog-1.6.0"
    hub.remote.git("branch", branch, hub.commit)
    refs = bea.remote_refs("main")
    assert refs.claim == hub.refs[CLAIM]
    assert refs.head == hub.commit
    assert refs.branches == {"1.6.0": hub.commit}
    assert refs.tags == {"1.5.0": hub.commit}
    assert refs.unfetched == {"1.5.0"}
    assert ada.remote_refs("main").unfetched == frozenset()
    assert bea.describe("refs/tags/1.5.0") == ("Ada", "1.5.0\n")
    assert bea.describe(CLAIM, refs.claim) == ("Ada", "1.5.0\n")
    maker, text = bea.describe(f"refs/heads/{branch}", hub.commit)
    assert (maker, text) == ("A Person", "A change\n")
    # To look is not to take.
    assert bea.local_tag("1.5.0") is None
    assert bea.remote_refs("gone").head is None


def test_other_claim_refuses_all_of_it(hub: Hub) -> None:
    ada, bea = hub.clone("Ada"), hub.clone("Bea")
    seen = bea.remote_refs("main").claim
    ada.push_tag(hub.tag("1.5.0"))
    with pytest.raises(RefusedError, match="another release") as error:
        bea.push_tag(hub.tag("2.0.0", seen))
    assert error.value.is_duplicate
    assert "refs/tags/2.0.0" not in hub.refs
    assert hub.refs[CLAIM] == hub.refs["refs/tags/1.5.0"]
    # What was made for it does not stay in the clone.
    assert bea.local_tag("2.0.0") is None


def test_one_of_those_that_push_at_once(hub: Hub) -> None:
    clones = [hub.clone(name) for name in ("Ada", "Bea", "Cem")]

    def push(number: int) -> bool | None:
        try:
            clones[number].push_tag(hub.tag(f"{number}.0.0"))
        except RefusedError as e:
            return None if e.is_duplicate else False
        return True

    with ThreadPoolExecutor(len(clones)) as pool:
        won = list(pool.map(push, range(len(clones))))
    assert sorted(won, key=str) == [None, None, True]
    assert hub.refs[f"refs/tags/{won.index(True)}.0.0"] == hub.refs[CLAIM]
    assert len(hub.refs) == 3


def test_lightweight_tags_of_one_commit_are_told_apart(hub: Hub) -> None:
    """A ref that is where it is pushed to already is not compared."""
    look = Look(VirtualClock())
    ada, bea = hub.clone("Ada", look), hub.clone("Bea")
    seen = bea.remote_refs("main").claim
    ada.repository.read("tag", "1.5.0")
    bea.repository.read("tag", "2.0.0")
    ada.push_tag(hub.tag("1.5.0"))
    assert hub.refs["refs/tags/1.5.0"] == ada.remote_tag("1.5.0") == hub.commit
    with pytest.raises(RefusedError, match="another release"):
        bea.push_tag(hub.tag("2.0.0", seen))
    assert "refs/tags/2.0.0" not in hub.refs
    # Whoever looks is told of it as of any other.
    claim = bea.remote_refs("main").claim
    assert bea.describe(CLAIM, claim) == ("rsp-release", "1.5.0\n")
    assert bea.push_tag(hub.tag("2.0.0", claim)) is None
    # A tag of one's own is not taken away.
    assert hub.refs["refs/tags/2.0.0"] == hub.commit


@pytest.mark.parametrize(
    "how", ["hidden", "update", "pre-receive", "pre-push"]
)
def test_remote_that_takes_no_claim(hub: Hub, how: str) -> None:
    """It is told once, and the release goes on."""
    if how == "hidden":
        hub.remote.git("config", "receive.hideRefs", "refs/rsp-release")
    elif how == "update":
        hub.hook("update", 'case "$1" in refs/rsp-*) exit 1;; esac')
    elif how == "pre-receive":
        hub.hook("pre-receive", "! grep -q refs/rsp-release/")
    git = hub.clone("Ada")
    if how == "pre-push":
        hook = hub.folder / "Ada" / ".git" / "hooks" / "pre-push"
        hook.write_text("#!/bin/sh\n! grep -q refs/rsp-release/\n")
        hook.chmod(0o755)
    said = git.push_tag(hub.tag("1.5.0"))
    assert said is not None
    assert f"does not accept {CLAIM}: cannot tell" in said
    assert git.push_tag(hub.tag("1.6.0")) is None
    assert set(hub.refs) == {
        "refs/heads/main", "refs/tags/1.5.0", "refs/tags/1.6.0",
    }  # fmt: skip


def test_what_is_compared_with_nothing_is_decided_anew(hub: Hub) -> None:
    """What was begun since the list would be noticed by nobody."""
    hub.hook("update", 'case "$1" in refs/rsp-*) exit 1;; esac')
    look = Look(VirtualClock())
    git = hub.clone("Ada", look)
    assert dict(git.remote_refs("main").tags) == {}
    hub.remote.git("tag", "2.0.0", hub.commit)
    with pytest.raises(NotSentError, match="others pushed to origin"):
        git.push_tag(hub.tag("1.5.0"))
    assert "refs/tags/1.5.0" not in hub.refs
    assert git.local_tag("1.5.0") is None
    assert set(git.remote_refs("main").tags) == {"2.0.0"}
    # What is a branch of theirs concerns no release.
    hub.remote.git("branch", "other", hub.commit)
    said = git.push_tag(hub.tag("1.5.0"))
    assert said is not None
    assert "cannot tell" in said


def test_remote_that_takes_no_such_tag(hub: Hub) -> None:
    hub.hook(
        "update",
        'case "$1" in refs/tags/*) echo "no tags on Friday"; exit 1;; esac',
    )
    git = hub.clone("Ada")
    with pytest.raises(RefusedError, match="no tags on Friday") as error:
        git.push_tag(hub.tag("1.5.0"))
    assert not error.value.is_duplicate
    assert CLAIM not in hub.refs
    # That says nothing about claims.
    (hub.remote.path / "hooks" / "update").unlink()
    assert git.push_tag(hub.tag("1.5.0")) is None
    assert CLAIM in hub.refs


def test_a_look_lists_the_refs_once(tmp_path: Path) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone, other = hub.clone("a", look), hub.clone("b")
    assert clone.remote_tag("1.0.0") is None
    other.push_tag(hub.tag("1.0.0"))
    # All of it is of the moment at which it was listed, the claim as well.
    assert clone.remote_tag("1.0.0") is None
    refs = clone.remote_refs("main")
    assert (refs.claim, dict(refs.tags)) == ("", {})
    assert set(clone.remote_branches("")) == {"main"}
    look.end()
    assert clone.remote_tag("1.0.0") == hub.commit
    assert clone.remote_refs("main").claim


def test_a_push_ends_a_look_and_a_trial_does_not(tmp_path: Path) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone, other = hub.clone("a", look), hub.clone("b")
    claim = clone.remote_refs("main").claim
    other.push_tag(hub.tag("1.0.0"))
    clone.try_push("1.1.0", hub.commit)
    assert clone.remote_tag("1.0.0") is None
    # It was decided from what is no more, and refused; that is seen now.
    with pytest.raises(RefusedError):
        clone.push_tag(hub.tag("1.1.0", claim=claim))
    assert clone.remote_tag("1.0.0") == hub.commit
    assert clone.remote_tag("1.1.0") is None


def test_patterns_are_those_of_git(tmp_path: Path) -> None:
    """What is kept is told as the remote itself would tell it."""
    hub = Hub(tmp_path)
    plain, keeping = hub.clone("a"), hub.clone("b", Look(VirtualClock()))
    plain.push_tag(hub.tag("1.0.0"))
    for branch in ("rsp-release/changelog-1.1.0", "rsp-release/other"):
        hub.remote.git("branch", branch)
    for prefix in ("", "rsp-release/", "rsp-release/changelog-", "none"):
        assert keeping.remote_branches(prefix) == plain.remote_branches(prefix)
    told = keeping.remote_refs("main"), plain.remote_refs("main")
    assert replace(told[0], unfetched=frozenset()) == told[1]


def test_refs_are_listed_before_they_are_wanted(tmp_path: Path) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone, other = hub.clone("a", look), hub.clone("b")
    clone.list_early()
    for thread in enumerate_threads():
        if thread.name == "list":
            thread.join()
    other.push_tag(hub.tag("1.0.0"))
    assert clone.remote_tag("1.0.0") is None
    look.end()
    assert clone.remote_tag("1.0.0") == hub.commit


def test_where_that_fails_it_is_told_to_who_wants_them(tmp_path: Path) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone = hub.clone("a", look)
    hub.remote.path.rename(tmp_path / "gone")
    clone.list_early()
    with pytest.raises(ReadError, match="origin does not answer"):
        clone.remote_tag("1.0.0")


def test_what_was_merged_is_fetched_meanwhile(tmp_path: Path) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone, other = hub.clone("a", look), Clone(tmp_path / "b", init=False)
    hub.remote.git("clone", "-q", ".", str(other.path))
    merged = other.commit()
    # GitHub tells of it before git does.
    assert clone.remote_branch("main", merged=merged) == hub.commit
    other.git("push", "-q", "origin", "HEAD")
    look.end()
    assert clone.remote_branch("main", merged=merged) == merged
    assert clone.is_ancestor(hub.commit, merged)


def test_what_github_told_is_believed_where_the_clone_has_it(
    tmp_path: Path,
) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone = hub.clone("a", look)
    hub.remote.path.rename(tmp_path / "gone")
    assert clone.remote_branch("main", hub.commit) == hub.commit
    with pytest.raises(ReadError):
        clone.remote_branch("main", "f" * 40)


def test_a_push_tells_where_its_refs_are(tmp_path: Path) -> None:
    hub, look = Hub(tmp_path), Look(VirtualClock())
    clone = hub.clone("a", look)
    clone.push_tag(hub.tag("1.0.0"))
    hub.remote.path.rename(tmp_path / "gone")
    assert clone.remote_tag("1.0.0") == hub.commit
    # And where no others are.
    with pytest.raises(ReadError):
        clone.remote_branch("main")
    look.end()
    with pytest.raises(ReadError):
        clone.remote_tag("1.0.0")

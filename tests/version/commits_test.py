"""What commits say together: merges, reverts and reverts of reverts."""

from __future__ import annotations

import pytest

from rsp_release.version.commits import (
    CommitEvidence,
    CommitReader,
    raw_commit,
    read_commits,
)


def name(letter: str) -> str:
    """Return a hash."""
    return f"{ord(letter):x}" * 20


def commit(letter: str, message: str, parents: str) -> bytes:
    """Write a commit that has a letter for a name, as its parents do."""
    above = " ".join(map(name, parents))
    return f">{name(letter)} {above}\n{message}".encode()


def read(
    *records: bytes, base: str = "t", boundary: str = ""
) -> CommitEvidence:
    """Fold commits, newest first."""
    reader = CommitReader()
    reader.feed(records)
    reader.feed(f"-{name(b)} ".encode() for b in base + boundary)
    return reader.finish(name(base))


def pull(title: str, *, number: int = 9) -> str:
    return f"Merge pull request #{number} from o/f\n\n{title}"


# -- Merges of pull requests ------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        pull("feat!: drop the old search"),
        "feat!: drop the old search (#9)",
        pull("feat: search\n\nBREAKING CHANGE: another one"),
        "Merge #9\n\n9: feat!: drop the old search r=x a=y",
    ],
)
def test_title_of_a_pull_request_counts_however_it_is_merged(
    message: str,
) -> None:
    evidence = read(
        commit("m", message, "tb"),
        commit("b", "feat: work", "t"),
    )
    assert evidence.number("cc-major") == 1
    assert evidence.number("title-major") == 1
    assert (evidence.total, evidence.merges) == (2, 0)


def test_title_in_words_counts_for_nothing() -> None:
    evidence = read(
        commit("m", pull("Add a search"), "tb"), commit("b", "fix: a", "t")
    )
    assert evidence.counts == {"cc-patch": 1}
    assert evidence.merges == 1


def test_no_release_is_counted_twice() -> None:
    """The branch was tagged, and merged back after that."""
    merge = commit("m", pull("feat!: version 2"), "at")
    assert not read(merge, commit("a", "fix: a", "s"), boundary="s").number(
        "cc-major"
    )
    # With a commit of its own behind the tag.
    after = [
        commit("m", pull("feat!: version 2"), "ab"),
        commit("b", "chore: begin 2.1", "t"),
        commit("a", "fix: a", "s"),
    ]
    assert not read(*after, boundary="s").number("cc-major")
    # Another branch, which was cut before the tag.
    cut = [
        commit("m", pull("feat!: version 2"), "ab"),
        commit("b", "chore: a", "s"),
        commit("a", "fix: a", "t"),
    ]
    assert read(*cut, boundary="s").number("cc-major") == 1


def test_title_that_says_less_than_its_commits_is_told() -> None:
    records = [
        commit("m", pull("fix: the search"), "ab"),
        commit("b", "feat: a new search", "t"),
        commit("a", "feat: on main", "t"),
    ]
    evidence = read(*records)
    assert evidence.number("cc-minor") == 2
    texts = [e.text for e in evidence.examples["disputed"]]
    assert texts == ["feat: a new search"]
    assert read(*records[1:]).number("disputed") == 0


def test_commit_of_the_main_branch_belongs_to_no_merge() -> None:
    """A branch that took in the main branch on its way."""
    evidence = read(
        commit("m", pull("fix: the search"), "ac"),
        commit("c", "Merge branch 'main' into f", "ba"),
        commit("b", "fix: a", "t"),
        commit("a", "feat: on main", "t"),
    )
    assert evidence.number("disputed") == 0


# -- Reverts ----------------------------------------------------------------


@pytest.mark.parametrize("by_hash", [False, True])
@pytest.mark.parametrize(
    "subject", ['Reapply "feat: search"', 'Revert "Revert "feat: search""']
)
def test_reapply_restores(by_hash: bool, subject: str) -> None:  # noqa: FBT001
    def undo(title: str, of: str) -> str:
        text = f"\n\nThis reverts commit {name(of)}."
        return title + text if by_hash else title

    feature = commit("a", "feat: search", "t")
    revert = commit("b", undo('Revert "feat: search"', "a"), "a")
    again = commit("c", undo(subject, "b"), "b")
    assert read(revert, feature).number("cc-minor") == 0
    assert read(again, revert, feature).number("cc-minor") == 1
    # Both before the previous version: what comes back is new.
    assert read(again).number("cc-minor") == 1
    # The feature alone before it: nothing is new.
    assert read(again, revert).number("cc-minor") == 0
    if subject.startswith("Reapply"):
        last = commit("d", undo(f'Revert "{subject}"', "c"), "c")
        assert read(last, again, revert, feature).number("cc-minor") == 0
        assert read(last).number("cc-minor") == 0


def test_reapply_with_the_numbers_of_pull_requests() -> None:
    evidence = read(
        commit("c", 'Reapply "feat: search (#1)" (#3)', "b"),
        commit("b", 'Revert "feat: search (#1)" (#2)', "a"),
        commit("a", "feat: search (#1)", "t"),
    )
    assert evidence.number("cc-minor") == 1
    assert evidence.reverted == 0


def test_reapply_that_git_did_not_write() -> None:
    assert read(commit("a", "Reapply the patch", "t")).counts == {"plain": 1}


def test_revert_of_a_merge_takes_back_what_it_brought() -> None:
    words = (
        f"\n\nThis reverts commit {name('m')}, reversing\n"
        f"changes made to {name('a')}."
    )
    records = [
        commit("r", f'Revert "Merge pull request #9 from o/f"{words}', "m"),
        commit("m", pull("feat!: version 2"), "ab"),
        commit("b", "feat: in it", "t"),
        commit("a", "fix: on main", "t"),
    ]
    assert read(*records[1:]).number("cc-minor") == 1
    evidence = read(*records)
    assert evidence.number("cc-major") == evidence.number("cc-minor") == 0
    assert evidence.number("cc-patch") == 1


def test_what_is_reverted_names_no_version() -> None:
    release = raw_commit("a" * 40, "chore: a\n\nRelease-As: 2.0.0")
    revert = raw_commit(
        "b" * 40, f'Revert "chore: a"\n\nThis reverts commit {"a" * 40}.'
    )
    assert read_commits([release]).number("release-as") == 1
    assert read_commits([revert, release]).number("release-as") == 0

"""Choosing the next version."""

from __future__ import annotations

import re
from typing import Any

import pytest
import semver
from hypothesis import assume, given
from hypothesis import strategies as st

from rsp_release.config import Config
from rsp_release.exceptions import BlockedError, UsageError
from rsp_release.version.choose import Request, propose
from rsp_release.version.commits import raw_commit, read_commits
from rsp_release.version.fragments import (
    Fragment,
    parse_changelog,
    parse_fragment,
)
from rsp_release.version.history import History
from rsp_release.version.proposal import NextVersion
from rsp_release.version.tags import Stream, Tag, parse_tags


def tag(name: str) -> Tag:
    return next(iter(parse_tags([name])))


def history(
    *messages: str,
    previous: str | None = "1.2.3",
    tags: tuple[str, ...] = (),
    pre: tuple[str, ...] = (),
    conventional: float | None = 1.0,
    **more: Any,
) -> History:
    """Make a history: messages newest last."""
    names = dict.fromkeys((*tags, *pre, *([previous] if previous else ())))
    return History(
        head="f" * 40,
        tags=tuple(map(tag, names)),
        previous=tag(previous) if previous else None,
        prereleases=tuple(map(tag, pre)),
        commits=read_commits(
            raw_commit(f"{n:040x}", message)
            for n, message in reversed(list(enumerate(messages, 1)))
        ),
        conventional=conventional,
        **more,
    )


def choose(
    what: History,
    part: str = "auto",
    *,
    pre: str | None = None,
    force: bool = False,
    **policy: Any,
) -> NextVersion:
    request = Request(part=part, pre=pre, force=force)
    return propose(what, policy=Config(**policy), request=request)


def fragment(
    *categories: str, stale: str = "", name: str = "changelog.d/x.md"
) -> Fragment:
    text = "\n\n".join(f"### {c}\n\n- Words." for c in categories)
    return parse_fragment(name, text)._replace(stale=stale)


# -- pain.md, "Version computation", line by line ---------------------------


@pytest.mark.parametrize(
    "message", ["feat!: a", "fix: a\n\nBREAKING CHANGE: b"]
)
def test_pain_0x_breaking_stays_below_1(message: str) -> None:
    """semantic-release#1507, commitizen#501, changesets#1887."""
    zero = history(message, previous="0.3.1")
    assert choose(zero).next == "0.4.0"
    assert choose(zero, major_on_zero=True).next == "1.0.0"
    assert choose(history("fix: a", previous="0.3.1")).next == "0.3.2"
    assert choose(zero, "major").next == "1.0.0"


def test_pain_squash_bodies_are_read() -> None:
    """commit-analyzer#65, PSR#1025."""
    body = "Rework (#4)\n\n* feat: b\n\n* fix: c"
    assert choose(history(body)).next == "1.3.0"


def test_pain_merge_commits_decide_nothing() -> None:
    """PSR#540: a merge's title is not a change of its own."""
    what = history("fix: a")
    merge = read_commits(
        [
            raw_commit("b" * 40, "feat: a branch's title", parents=2),
            raw_commit("a" * 40, "fix: a"),
        ]
    )
    commits = History(
        head=what.head,
        tags=what.tags,
        previous=what.previous,
        commits=merge,
        conventional=1.0,
    )
    assert choose(commits).next == "1.2.4"


def test_pain_reverts_cancel_what_they_revert() -> None:
    """release-please#296, git-cliff in bauplan#460."""
    sha = f"{1:040x}"
    revert = f'Revert "feat!: a"\n\nThis reverts commit {sha}.'
    assert choose(history("feat!: a", "fix: b")).next == "2.0.0"
    assert choose(history("feat!: a", "fix: b", revert)).next == "1.2.4"


def test_pain_tags_off_branch_do_not_count_but_are_not_taken() -> None:
    """git-cliff#1089, borg-ui#732."""
    what = history("fix: a", tags=("1.2.4", "1.2.5"))
    answer = choose(what)
    assert answer.current == "1.2.3"
    assert answer.next == "1.2.6"
    assert "1.2.5" in answer.warnings[0]
    assert choose(history("feat: a", tags=("1.3.0",))).next == "1.4.0"


def test_pain_skipped_commits_do_not_alter_the_bump() -> None:
    """git-cliff#816: what is left out of notes still counts."""
    assert choose(history("feat(deps): a", "chore: b")).next == "1.3.0"
    assert choose(history("chore!: drop Node 6")).next == "2.0.0"


def test_pain_prerelease_does_not_hide_a_fix_released_meanwhile() -> None:
    """semantic-release#1460: v1.0.1 was missed while 1.1.0 was prepared."""
    what = history(
        "fix: a", previous="v1.0.1", pre=("v1.1.0-rc.1",), tags=("v1.0.0",)
    )
    assert choose(what).next == "1.1.0"
    assert choose(what, pre="rc").next == "1.1.0-rc.2"


def test_pain_final_ranks_above_its_candidates() -> None:
    """fleet#4866: ``sort -V`` ranks rc above the final version."""
    what = history("fix: a", previous="1.3.0", tags=("1.3.0-rc.2", "1.2.0"))
    assert choose(what).next == "1.3.1"
    assert tag("1.3.0").version > tag("1.3.0-rc.2").version
    assert tag("1.3.0-rc.10").version > tag("1.3.0-rc.9").version
    assert tag("1.3.0rc1").version < tag("1.3.0").version


# Shallow clones and unfetched tags (commitizen#649, semantic-release#841):
# test_pain_shallow_clone... and test_pain_unfetched_tags... in
# storage/history_test.py.


# -- Evidence ---------------------------------------------------------------


def test_fragments_decide_over_commits_and_disagreement_is_told() -> None:
    what = history("feat: a", fragments=(fragment("Bug fixes"),))
    answer = choose(what)
    assert answer.next == "1.2.4"
    assert "feat: a" in answer.warnings[0]


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("Backwards-incompatible changes", "2.0.0"),
        ("New features", "1.3.0"),
        ("Bug fixes", "1.2.4"),
        ("Other changes", "1.2.4"),
        ("Removed", "2.0.0"),
        ("Added", "1.3.0"),
        ("Changed", "1.3.0"),
        ("Deprecated", "1.3.0"),
        ("Fixed", "1.2.4"),
        ("Security", "1.2.4"),
    ],
)
def test_vocabularies(category: str, expected: str) -> None:
    what = history("A change", fragments=(fragment(category),))
    assert choose(what).next == expected


def test_settings_map_categories() -> None:
    what = history("A change", fragments=(fragment("Gubbins"),))
    assert choose(what).confidence == "guess"
    answer = choose(what, categories={"gubbins": "minor"})
    assert answer.next == "1.3.0"


def test_stale_fragments_and_empty_headings_do_not_count() -> None:
    empty = parse_fragment(
        "changelog.d/y.md",
        "### Backwards-incompatible changes\n\n-\n\n### Bug fixes\n\n- A.\n",
    )
    stale = fragment("New features", stale="as old as the previous version")
    answer = choose(history("A", fragments=(empty, stale)))
    assert answer.next == "1.2.4"
    told = [r.text for r in answer.ignored]
    assert told == [
        "as old as the previous version",
        "nothing under 'Backwards-incompatible changes'",
    ]


def test_edited_section_is_read_again() -> None:
    text = "## 1.3.0 (2026-01-02)\n\n### New features\n\n- A.\n"
    section = parse_changelog(text)[0]
    what = history("A", fragments=(fragment("Bug fixes"),), section=section)
    assert choose(history("A", fragments=what.fragments)).next == "1.2.4"
    what = history(
        "A",
        fragments=what.fragments,
        section=section,
        conventional=0.0,
    )
    assert choose(what).next == "1.3.0"


def test_labels_count_where_settings_map_them() -> None:
    what = history("A", labels=(("#7", "breaking"),), conventional=0.0)
    assert choose(what).next == "1.2.4"
    answer = choose(what, labels={"breaking": "major"})
    assert answer.next == "2.0.0"
    assert answer.reasons[0].ref == "#7"


def test_words_are_a_guess() -> None:
    what = history("Add a cache", conventional=0.0)
    answer = choose(what)
    assert (answer.next, answer.confidence) == ("1.3.0", "guess")
    answer = choose(history("Bump a from 1 to 2", conventional=0.0))
    assert (answer.next, answer.confidence) == ("1.2.4", "guess")


def test_words_count_more_where_patches_are_the_habit() -> None:
    patches = ("1.2.0", "1.2.1", "1.2.2")
    what = history("Add a cache", tags=patches, conventional=0.0)
    assert choose(what).next == "1.2.4"
    two = history(*["Add a cache"] * 2, tags=patches, conventional=0.0)
    assert choose(two).next == "1.2.4"
    many = history(*["Add a cache"] * 3, tags=patches, conventional=0.0)
    assert choose(many).next == "1.3.0"


def past(*entries: tuple[str, str]) -> dict[str, Any]:
    text = "\n".join(
        f"## {version}\n\n### {category}\n\n- A.\n"
        for version, category in entries
    )
    return {"past": parse_changelog(text)}


def test_own_past_lowers_features_of_0x() -> None:
    before = past(
        ("0.2.3", "New features"),
        ("0.2.2", "New features"),
        ("0.2.1", "New features"),
        ("0.2.0", "New features"),
    )
    what = history(
        "A", previous="0.2.3", fragments=(fragment("New features"),), **before
    )
    answer = choose(what)
    assert (answer.next, answer.confidence) == ("0.2.4", "likely")
    assert answer.reasons[0].ref == "past releases"


def test_own_past_makes_a_feature_certain() -> None:
    before = past(("1.2.0", "New features"), ("1.1.0", "New features"))
    feature = (fragment("New features"),)
    kwargs: dict[str, Any] = {"previous": "1.2.0", "fragments": feature}
    assert choose(history("A", **kwargs)).confidence == "likely"
    assert choose(history("A", **kwargs, **before)).confidence == "certain"


def test_past_that_contradicts_its_categories_leaves_a_doubt() -> None:
    """One of the last ten releases is enough, and the eleventh is not."""
    entries = [(f"1.{n}.0", "New features") for n in range(20, 8, -1)]
    kwargs: dict[str, Any] = {
        "previous": "1.20.0",
        "fragments": (fragment("New features"),),
    }
    assert choose(history("A", **kwargs, **past(*entries))).confidence == (
        "certain"
    )
    for at, expected in ((3, "likely"), (11, "certain")):
        odd = list(entries)
        odd[at] = odd[at][0], "Bug fixes"
        answer = choose(history("A", **kwargs, **past(*odd)))
        assert (answer.next, answer.confidence) == ("1.21.0", expected)


def test_first_major_version_is_never_certain() -> None:
    breaking = (fragment("Backwards-incompatible changes"),)
    for previous, tags, expected in (
        ("1.2.3", ("1.0.0", "0.9.0"), "likely"),
        ("0.9.0", ("0.8.0",), "likely"),
        ("2.2.3", ("1.0.0",), "certain"),
    ):
        what = history("A", previous=previous, tags=tags, fragments=breaking)
        assert choose(what).confidence == expected


def merged(*records: tuple[str, str, int]) -> dict[str, Any]:
    """Fold commits: letter, message, parents."""
    commits = read_commits(
        raw_commit(letter * 40, message, parents=parents)
        for letter, message, parents in records
    )
    return {"commits": commits}


SAME = past(*((f"1.{n}.0", "Features") for n in range(6, 0, -1)))


def test_title_of_a_merged_pull_request_counts() -> None:
    what = history(previous="1.6.0", **SAME)
    title = "Merge pull request #9 from o/f\n\nfeat!: drop the old search"
    plain = merged(("b", "feat: a", 1), ("c", "fix: c", 1))
    answer = choose(what._replace(**plain))
    assert (answer.next, answer.confidence) == ("1.7.0", "certain")
    answer = choose(
        what._replace(**merged(("a", title, 2), ("b", "feat: a", 1)))
    )
    assert (answer.next, answer.confidence) == ("2.0.0", "likely")
    assert answer.reasons[0].text == "feat!: drop the old search"


def test_title_that_disagrees_is_never_certain() -> None:
    what = history(previous="1.6.0", **SAME)
    squash = "fix: the search (#9)\n\n* feat: a new search"
    answer = choose(
        what._replace(**merged(("a", squash, 1), ("b", "feat: b", 1)))
    )
    assert (answer.next, answer.confidence) == ("1.7.0", "likely")
    fixes = (fragment("Bug fixes"),)
    title = "Merge pull request #9 from o/f\n\nfeat: search"
    answer = choose(history("fix: a", fragments=fixes))
    assert answer.confidence == "certain"
    answer = choose(
        history(fragments=fixes)._replace(**merged(("a", title, 2)))
    )
    assert (answer.next, answer.confidence) == ("1.2.4", "likely")


@pytest.mark.parametrize(
    ("merge", "confidence"),
    [
        ("feat!: drop the old search", "likely"),
        ("Merge branch 'f'\n\nfeat!: drop the old search", "likely"),
        ("feat: search", "certain"),
        ("Merge branch 'f'", "certain"),
        ("chore: merge f", "certain"),
    ],
)
def test_merge_by_hand_decides_nothing_and_may_disagree(
    merge: str, confidence: str
) -> None:
    what = history(previous="1.6.0", **SAME)
    records = merged(("a", merge, 2), ("b", "feat: a", 1))
    answer = choose(what._replace(**records))
    assert (answer.next, answer.confidence) == ("1.7.0", confidence)


@pytest.mark.parametrize(
    "line",
    ["BREAKING CHANGES: b", "Breaking change: b", "BREAKING_CHANGE: b"],
)
@pytest.mark.parametrize("conventional", [0.0, 1.0])
def test_what_is_nearly_a_footer_is_a_guess(
    line: str, conventional: float
) -> None:
    what = history(f"feat: a\n\n{line}", conventional=conventional)
    answer = choose(what)
    assert (answer.next, answer.confidence) == ("2.0.0", "guess")
    assert answer.reasons[0].text == line


def test_squash_of_features_under_a_chore_is_a_guess() -> None:
    body = "* feat: a search\n\n* feat: a cache\n\n* fix: b"
    answer = choose(history(f"chore: sync (#4)\n\n{body}", "fix: c"))
    assert (answer.next, answer.confidence) == ("1.2.4", "guess")
    assert [r.text for r in answer.reasons[:2]] == [
        "feat: a search",
        "feat: a cache",
    ]


def test_release_as_names_the_version() -> None:
    release = "chore: ready (#4)\n\n* Release-As: 3.0.0\n* fix: b"
    answer = choose(history("fix: a", release, previous="0.5.0"))
    assert (answer.next, answer.bump) == ("3.0.0", "major")
    assert answer.confidence == "certain"
    assert answer.reasons[0].text == "Release-As: 3.0.0"
    # The newest counts, as for release-please, and a request above all.
    newer = "chore: b\n\nRelease-As: 2.0.0"
    what = history(release, newer)
    assert choose(what).next == "2.0.0"
    assert choose(what, "minor").next == "1.3.0"
    assert choose(what, pre="rc").next == "2.0.0-rc.1"
    # One that is less than the changes call for.
    less = history("feat!: a", "chore: b\n\nRelease-As: 1.3.0")
    assert (choose(less).next, choose(less).confidence) == ("1.3.0", "likely")


def test_release_as_of_what_is_past_is_told() -> None:
    answer = choose(history("feat: a", "chore: b\n\nRelease-As: 1.2.3"))
    assert answer.next == "1.3.0"
    (told,) = answer.ignored
    assert told.text == "Release-As: 1.2.3 is not above 1.2.3"
    with pytest.raises(BlockedError, match="does not belong"):
        choose(history("chore: b\n\nRelease-As: 2.0.0", branch="1.x"))
    with pytest.raises(BlockedError, match="already tagged"):
        choose(history("chore: b\n\nRelease-As: 2.0.0", tags=("2.0.0",)))


def releases(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {
        "releases": tuple(
            (part, read_commits([raw_commit("e" * 40, message)]))
            for part, message in pairs
        )
    }


def test_gitmoji_are_categories_where_releases_agree() -> None:
    agreeing = releases(*[("minor", "✨ a")] * 3, *[("patch", ":bug: b")] * 3)
    kwargs: dict[str, Any] = {"conventional": 0.0, **agreeing}
    for message, then, expected in (
        ("✨ Search", "1.3.0", "certain"),
        (":sparkles: Search", "1.3.0", "certain"),
        ("🐛 Search", "1.2.4", "certain"),
        # No release tells of these.
        ("💥 Search", "2.0.0", "guess"),
    ):
        answer = choose(history(message, **kwargs))
        assert (answer.next, answer.confidence) == (then, expected)
        assert answer.reasons[0].text == message
    # Without releases that say so, they are words like others.
    answer = choose(history("✨ Search", conventional=0.0))
    assert (answer.next, answer.confidence) == ("1.2.4", "guess")
    contrary = releases(*[("patch", "✨ a")] * 3)
    answer = choose(history("✨ Search", conventional=0.0, **contrary))
    assert (answer.next, answer.confidence) == ("1.2.4", "guess")


# -- Policy -----------------------------------------------------------------


def test_nothing_to_release() -> None:
    answer = choose(history())
    assert (answer.next, answer.tag, answer.bump) == (None, None, "none")
    assert choose(history(), "minor").next is None
    assert choose(history(), "minor", force=True).next == "1.3.0"


def test_first_release() -> None:
    assert choose(history("A", previous=None)).next == "0.1.0"
    first = history("A", previous=None)
    assert choose(first, initial_version="1.0.0").next == "1.0.0"
    assert choose(first, "major").next == "1.0.0"
    assert choose(first, pre="rc").next == "0.1.0-rc.1"


def test_prereleases_and_their_final() -> None:
    assert choose(history("feat: a"), pre="rc").next == "1.3.0-rc.1"
    second = history("feat: a", "fix: b", pre=("1.3.0-rc.1",))
    assert choose(second, pre="rc").next == "1.3.0-rc.2"
    assert choose(second).next == "1.3.0"
    more = history("feat!: a", pre=("1.3.0-rc.1",))
    assert choose(more, pre="rc").next == "2.0.0-rc.1"
    assert choose(second, pre="rc").bump == "prerelease"


def test_prereleases_elsewhere() -> None:
    assert choose(history("fix: a", tags=("1.2.5-rc.1",))).next == "1.2.5"
    what = history("feat: a", tags=("1.3.0-rc.2", "1.3.0-rc.1"))
    assert choose(what, pre="rc").next == "1.3.0-rc.3"
    what = history("fix: a", pre=("1.3.0-rc.1",), tags=("1.3.0",))
    assert choose(what).next == "1.3.1"


def test_final_of_what_is_prepared_is_named_by_what_it_raises() -> None:
    answer = choose(history("fix: a", pre=("2.0.0-rc.2", "2.0.0-rc.1")))
    assert (answer.next, answer.bump) == ("2.0.0", "major")
    assert answer.reasons[0].ref == "2.0.0-rc.2"
    assert "has pre-releases" in answer.reasons[0].text
    # Somebody tagged the final elsewhere.
    what = history("fix: a", pre=("1.3.0-rc.1",), tags=("1.3.0",))
    assert choose(what).bump == "minor"
    # A release branch that was cut before its first version.
    what = history("fix: a", branch="1.3")
    assert (choose(what).next, choose(what).bump) == ("1.3.0", "minor")


def test_all_kinds_of_commits_are_shown_where_none_asks_for_more() -> None:
    messages = ("build: a", "fix: b", "Update docs", "Release 1.2.3", "Tidy")
    texts = {
        r.text for r in choose(history(*messages, conventional=0)).reasons
    }
    assert texts == set(messages)


def test_prerelease_of_the_same_commit_is_not_made_twice() -> None:
    what = history("feat: a", pre=("1.3.0-rc.1",), head_tags=("1.3.0-rc.1",))
    assert choose(what, pre="rc").next is None
    assert choose(what).next == "1.3.0"


def test_prerelease_below_another_is_refused() -> None:
    what = history("feat: a", pre=("1.3.0-rc.1",))
    with pytest.raises(BlockedError, match=r"lower than 1\.3\.0-rc\.1"):
        choose(what, pre="beta")


def test_prerelease_in_the_spelling_of_pep_440() -> None:
    what = history("feat: a", pre=("1.3.0rc1",))
    assert choose(what, pre="rc").next == "1.3.0rc2"
    what = history("feat: a", tags=("1.2.0a1",))
    assert choose(what, pre="alpha").next == "1.3.0a1"


def test_prerelease_never_has_a_plus() -> None:
    with pytest.raises(UsageError):
        choose(history("feat: a"), pre="rc+1")
    with pytest.raises(UsageError, match="build metadata"):
        choose(history("feat: a"), "1.3.0+build")


@pytest.mark.parametrize("branch", ["1.2", "1.2.x", "release/1.2", "v1.2"])
def test_backport_branch_takes_patches(branch: str) -> None:
    tags = ("1.3.0", "2.0.0")
    fix = history("fix: a", tags=tags, branch=branch)
    assert choose(fix).next == "1.2.4"
    feature = history("feat: a", tags=tags, branch=branch)
    with pytest.raises(BlockedError, match="takes no minor"):
        choose(feature)
    assert choose(feature, "patch", force=True).next == "1.2.4"
    with pytest.raises(BlockedError, match="does not belong"):
        choose(fix, "1.4.0")


def test_backport_branch_of_a_major_version() -> None:
    what = history("feat: a", tags=("2.0.0",), branch="1.x")
    assert choose(what).next == "1.3.0"
    with pytest.raises(BlockedError, match="takes no major"):
        choose(history("feat!: a", branch="1.x"))


def test_release_branch_cut_before_its_first_version() -> None:
    assert choose(history("fix: a", branch="1.3")).next == "1.3.0"


def test_release_branch_that_contains_a_later_version() -> None:
    with pytest.raises(BlockedError, match="above it"):
        choose(history("fix: a", previous="1.4.0", branch="1.3"))


def test_build_metadata_has_no_part_in_precedence() -> None:
    what = history("fix: a", previous="1.2.3+build.5")
    assert choose(what).next == "1.2.4"
    assert choose(what).current == "1.2.3"


def test_calendar_versions_are_refused_with_the_remedy() -> None:
    what = history("fix: a", previous=None, tags=("2024.05.01", "2024.6.1"))
    with pytest.raises(BlockedError, match="dates") as caught:
        choose(what)
    assert "tag-prefix" in (caught.value.help or "")
    assert choose(what, "1.0.0").next == "1.0.0"


def stream(name: str, when: int, commit: str = "") -> Stream:
    return Stream(tag(name), when, commit or name)


@pytest.mark.parametrize(
    ("dead", "alive"),
    [
        ("v0.27.6", "gha-runner-scale-set-0.14.2"),
        ("v18.9.1", "edge-26.8.3"),
        ("0.11.0", "2026.04.0"),
    ],
)
def test_dead_stream_is_never_continued(dead: str, alive: str) -> None:
    tags = (alive,) if tag(alive).is_calendar else ()
    streams = stream(alive, 1_780_000_000), stream(dead, 1_580_000_000)
    what = history("feat: a", previous=dead, tags=tags, streams=streams)
    with pytest.raises(BlockedError) as caught:
        choose(what)
    assert f"{dead} (2020-01-26)" in caught.value.message
    assert f"{alive} (2026-05-28)" in caught.value.message
    assert "tag-prefix" in (caught.value.help or "")
    with pytest.raises(BlockedError):
        choose(what, "minor")
    named = str(tag(dead).version.bump_minor())
    assert choose(what, named).next == named


def test_stream_that_was_tagged_last_is_continued() -> None:
    streams = stream("1.2.3", 2), stream("chart-0.1.0", 1)
    assert choose(history("feat: a", streams=streams)).next == "1.3.0"
    streams = stream("1.2.3", 2), stream("2020.1.0", 1)
    what = history("feat: a", tags=("2020.1.0",), streams=streams)
    assert choose(what).next == "1.3.0"
    # One release tags both.
    streams = stream("api/1.2.3", 3, "c"), stream("1.2.3", 2, "c")
    assert choose(history("feat: a", streams=streams)).next == "1.3.0"


@pytest.mark.parametrize(
    ("message", "then"),
    [("feat: a", "4.4.0"), ("fix: a", "4.3.1"), ("feat!: a", "5.0.0")],
)
def test_two_part_tags_are_continued_with_three(
    message: str, then: str
) -> None:
    what = history(message, previous="v4.3")
    answer = choose(what)
    assert (answer.tag, answer.confidence) == (f"v{then}", "guess")
    assert f"the next tag is v{then}" in answer.warnings[0]
    assert choose(what, then).tag == f"v{then}"
    assert choose(what, "major").tag == "v5.0.0"


@pytest.mark.parametrize(
    ("part", "help"),
    [("4.4", "4.4.0"), ("v4.4", "4.4.0"), ("v4.4.0", "4.4.0"),
     ("huge", "X.Y.Z")],
)  # fmt: skip
def test_a_version_that_is_written_as_tags_are(part: str, help: str) -> None:
    with pytest.raises(UsageError, match="is not a version") as caught:
        choose(history("feat: a", previous="v4.3"), part)
    assert caught.value.help is not None
    assert caught.value.help.endswith(f"or {help}")


def test_newest_style_of_prefix_wins() -> None:
    what = history("fix: a", previous="v1.2.3", tags=("1.2.2", "1.2.1"))
    assert choose(what).tag == "v1.2.4"
    assert choose(what, tag_prefix="").tag == "1.2.4"


def test_a_version_is_not_taken_in_another_style() -> None:
    what = history("fix: a", previous="1.2.3", tags=("v1.2.4",))
    assert choose(what).next == "1.2.5"


def test_stream_of_a_monorepo() -> None:
    what = history("feat: a", previous="name@1.2.3")
    assert choose(what).tag == "name@1.3.0"


def test_versions_that_the_commit_does_not_contain() -> None:
    with pytest.raises(BlockedError, match="contains none"):
        choose(history("feat: a", previous=None, tags=("1.0.0",)))


# -- Requests ---------------------------------------------------------------


def test_less_than_the_changes_call_for_is_refused() -> None:
    what = history("feat!: break it")
    with pytest.raises(
        BlockedError, match=r"call for a major.*break it \(\w{10}\)$"
    ):
        choose(what, "patch")
    with pytest.raises(BlockedError, match="call for a major"):
        choose(what, "1.2.4")
    assert choose(what, "patch", force=True).next == "1.2.4"
    assert choose(what, "major").next == "2.0.0"


def test_more_than_the_changes_call_for_is_allowed() -> None:
    assert choose(history("fix: a"), "major").next == "2.0.0"
    assert choose(history("fix: a"), "3.0.0").next == "3.0.0"


def test_less_than_weak_words_is_allowed() -> None:
    what = history("Add a cache", conventional=0.0)
    assert choose(what, "patch").next == "1.2.4"


@pytest.mark.parametrize("version", ["1.2.3", "1.2.2", "1.0.0", "1.2.3-rc.1"])
def test_version_that_is_not_above_its_line(version: str) -> None:
    with pytest.raises(BlockedError):
        choose(history("fix: a", tags=("1.2.2",)), version)


@pytest.mark.parametrize("version", ["1.2", "01.2.3", "v1.3.0", "", "latest"])
def test_version_that_is_none(version: str) -> None:
    with pytest.raises(UsageError):
        choose(history("fix: a"), version)


def test_version_and_pre_together() -> None:
    with pytest.raises(UsageError):
        choose(history("fix: a"), "1.3.0", pre="rc")


# -- Properties -------------------------------------------------------------

NUMBERS = st.integers(0, 6)

VERSIONS = st.builds("{}.{}.{}".format, NUMBERS, NUMBERS, NUMBERS)

PRERELEASES = st.builds(
    "{}-{}.{}".format,
    VERSIONS,
    st.sampled_from(["alpha", "beta", "rc"]),
    st.integers(1, 12),
)

MESSAGES = st.sampled_from(
    [
        "feat!: a",
        "feat: a",
        "fix: a",
        "docs: a",
        "Add a cache",
        "Fix a cache",
        "Bump a from 1 to 2",
        "Rework (#4)\n\n* feat: b",
        "fix: a\n\nBREAKING CHANGE: b",
        "",
        "DM-1: words",
    ]
)

CATEGORIES = st.sampled_from(
    ["Backwards-incompatible changes", "New features", "Bug fixes", "Else"]
)

HISTORIES = st.builds(
    lambda messages, previous, tags, pre, conventional, categories: history(
        *messages,
        previous=previous,
        tags=(*tags, *pre),
        conventional=conventional,
        fragments=tuple(fragment(c) for c in categories),
    ),
    st.lists(MESSAGES, min_size=1, max_size=6),
    VERSIONS,
    st.lists(VERSIONS, max_size=6),
    st.lists(PRERELEASES, max_size=4),
    st.sampled_from([0.0, 1.0]),
    st.lists(CATEGORIES, max_size=2),
)

PARTS = st.sampled_from(["auto", "major", "minor", "patch"])


def in_line(one: Tag, version: semver.Version, bump: str) -> bool:
    """Return whether a tag is in the line that a version continues."""
    other = one.version
    if bump == "major":
        return True
    if bump == "minor":
        return other.major == version.major
    return (other.major, other.minor) == (version.major, version.minor)


@given(HISTORIES, PARTS, st.booleans())
def test_property_valid_free_and_above_its_line(
    what: History,
    part: str,
    is_pre: bool,  # noqa: FBT001
) -> None:
    try:
        answer = choose(what, part, pre="rc" if is_pre else None, force=True)
    except BlockedError:
        assume(is_pre)  # a pre-release may be below what is there
        return
    assert answer.next is not None
    version = semver.Version.parse(answer.next)  # SemVer by another's parser
    assert "+" not in answer.next
    taken = {t.name.removeprefix("v") for t in what.tags}
    assert answer.next not in taken
    assert what.previous is not None
    assert version > semver.Version.parse(str(what.previous.version))
    bump = "patch" if is_pre else answer.bump
    for one in what.tags:
        if in_line(one, version, bump):
            assert version > semver.Version.parse(one.name)


@given(HISTORIES, st.randoms(use_true_random=False))
def test_property_order_of_commits_does_not_matter(
    what: History, random: Any
) -> None:
    messages = [
        "feat!: a",
        "feat: b",
        "Add c",
        f'Revert "feat!: a"\n\nThis reverts commit {1:040x}.',
        'Revert "feat: b"',
        f"Revert the revert\n\nThis reverts commit {4:040x}.",
    ]
    raws = [raw_commit(f"{n:040x}", m) for n, m in enumerate(messages, 1)]
    first = read_commits(raws)
    random.shuffle(raws)
    second = read_commits(raws)
    assert first.counts == second.counts
    assert first.reverted == second.reverted


@given(HISTORIES, MESSAGES)
def test_property_a_commit_more_never_lowers(
    what: History, message: str
) -> None:
    assert what.previous is not None
    names = [t.name for t in what.tags]
    old = [m.text for kind in what.commits.examples.values() for m in kind]
    kwargs: dict[str, Any] = {
        "previous": what.previous.name,
        "tags": tuple(names),
        "conventional": what.conventional,
        "fragments": what.fragments,
    }
    before = choose(history(*old, **kwargs)).next
    after = choose(history(*old, message, **kwargs)).next
    assert before is not None
    assert after is not None
    assert semver.Version.parse(after) >= semver.Version.parse(before)


@given(st.text(max_size=40))
def test_property_any_text_of_a_message_is_taken(text: str) -> None:
    answer = choose(history(text.replace("\0", "")))
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.next or "")

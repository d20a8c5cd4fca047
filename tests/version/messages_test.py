"""Conventional Commits 1.0.0: its 16 rules and its own examples."""

from __future__ import annotations

import pytest

from rsp_release.version.commits import (
    CommitEvidence,
    raw_commit,
    read_commits,
)
from rsp_release.version.messages import (
    asides,
    classify,
    merged_pull_request,
    parse_header,
)


def kind(message: str) -> str:
    return classify(message.encode())[0]


def besides(message: str) -> list[tuple[str, str]]:
    raw = message.encode()
    return [(k, line.decode()) for k, line in asides(raw, kind(message))]


def read(*messages: str) -> CommitEvidence:
    """Fold messages, newest first."""
    return read_commits(
        raw_commit(f"{n:040x}", message)
        for n, message in enumerate(reversed(messages), 1)
    )


# -- The specification's examples -------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            (
                "feat: allow provided config object to extend other configs"
                "\n\nBREAKING CHANGE: `extends` key in config file is now used"
                " for extending other config files"
            ),
            "cc-major",
        ),
        (
            "feat!: send an email to the customer when a product is shipped",
            "cc-major",
        ),
        (
            (
                "feat(api)!: send an email to the customer when a product is"
                " shipped"
            ),
            "cc-major",
        ),
        (
            (
                "chore!: drop support for Node 6\n\nBREAKING CHANGE: use"
                " JavaScript features not available in Node 6."
            ),
            "cc-major",
        ),
        ("docs: correct spelling of CHANGELOG", "cc-other"),
        ("feat(lang): add Polish language", "cc-minor"),
        (
            (
                "fix: prevent racing of requests\n\n"
                "Introduce a request id and a reference to latest request."
                " Dismiss\nincoming responses other than from latest request."
                "\n\nRemove timeouts which were used to mitigate the racing"
                " issue but are\nobsolete now.\n\nReviewed-by: Z\nRefs: #123"
            ),
            "cc-patch",
        ),
    ],
)
def test_example_of_the_specification(message: str, expected: str) -> None:
    assert kind(message) == expected


def test_example_of_a_revert() -> None:
    message = (
        "revert: let us never again speak of the noodle incident\n\n"
        "Refs: 676104e, a215868"
    )
    evidence = read_commits(
        [
            raw_commit("f" * 40, message),
            raw_commit("676104e" + "0" * 33, "feat: noodles"),
            raw_commit("a215868" + "0" * 33, "feat!: more noodles"),
            raw_commit("b" * 40, "feat: soup"),
        ]
    )
    assert evidence.number("cc-minor") == 1
    assert evidence.number("cc-major") == 0
    assert evidence.reverted == 2


# -- Its rules --------------------------------------------------------------


def test_rule_1_prefix_scope_mark_colon_and_space() -> None:
    header = parse_header("feat(parser)!: add arrays")
    assert header is not None
    assert header == ("feat", True, "add arrays")
    assert parse_header("feat:add arrays") is None
    assert parse_header("feat add arrays") is None
    assert parse_header("(parser): add arrays") is None


def test_rule_2_feat_is_a_feature() -> None:
    assert kind("feat: a") == "cc-minor"


def test_rule_3_fix_is_a_bug_fix() -> None:
    assert kind("fix: a") == "cc-patch"


def test_rule_4_scope_is_a_noun_in_parentheses() -> None:
    header = parse_header("fix(parser): a")
    assert header is not None
    assert (header.type, header.description) == ("fix", "a")
    assert parse_header("fix(): a") is None


def test_rule_5_description_follows_the_colon_and_space() -> None:
    assert parse_header("fix: ") is None
    header = parse_header("fix: array parsing issue when multiple spaces")
    assert header is not None
    assert header.description.startswith("array parsing")


def test_rule_6_body_begins_after_a_blank_line() -> None:
    assert kind("fix: a\n\nThe body says feat: b, in passing.") == "cc-patch"


def test_rule_7_body_is_free_form() -> None:
    body = "First paragraph.\n\n    feat!: indented\n\nThird: one."
    assert kind(f"fix: a\n\n{body}") == "cc-patch"


@pytest.mark.parametrize("separator", [": ", " #"])
def test_rule_8_footers_have_a_token_and_a_separator(separator: str) -> None:
    message = f"fix: a\n\nBREAKING CHANGE{separator}b"
    assert kind(message) == "cc-major"
    assert kind("fix: a\n\nBREAKING CHANGE b") == "cc-patch"


def test_rule_9_hyphens_in_tokens_with_one_exception() -> None:
    assert kind("fix: a\n\nAcked-by: B\nBREAKING CHANGE: c") == "cc-major"
    assert kind("fix: a\n\nBREAKING: c") == "cc-patch"


def test_rule_10_a_footer_may_span_lines() -> None:
    message = "fix: a\n\nReviewed-by: B\n  and C\n\nBREAKING CHANGE: d\ne"
    assert kind(message) == "cc-major"


def test_rule_11_breaking_is_in_the_prefix_or_a_footer() -> None:
    assert kind("fix!: a") == "cc-major"
    assert kind("fix: a\n\nBREAKING CHANGE: b") == "cc-major"
    assert kind("fix: a BREAKING CHANGE: b") == "cc-patch"


def test_rule_12_footer_is_upper_case_with_a_description() -> None:
    assert kind("fix: a\n\nBREAKING CHANGE: environment wins") == "cc-major"
    assert kind("fix: a\n\nBREAKING CHANGE:") == "cc-patch"


def test_rule_13_a_mark_alone_is_enough() -> None:
    assert kind("refactor!: a") == "cc-major"
    assert kind("refactor(core)!: a") == "cc-major"


def test_rule_14_other_types_may_be_used() -> None:
    assert kind("docs: update ref docs.") == "cc-other"
    assert kind("chore: a") == "cc-other"


def test_rule_15_case_does_not_matter_but_for_breaking_change() -> None:
    assert kind("FEAT: a") == "cc-minor"
    assert kind("Fix(Parser): a") == "cc-patch"
    assert kind("fix: a\n\nbreaking change: b") == "cc-patch"


def test_rule_16_hyphenated_token_is_the_same() -> None:
    assert kind("fix: a\n\nBREAKING-CHANGE: b") == "cc-major"


# -- Beyond it --------------------------------------------------------------


def test_squash_that_lists_commits() -> None:
    body = "* feat: b\n\n* fix: c"
    assert kind(f"Rework the cache (#12)\n\n{body}") == "cc-minor"
    # Where the title is conventional it says what it is in all ...
    assert kind(f"fix: the cache (#12)\n\n{body}") == "cc-patch"
    # ... but nothing hides what breaks.
    assert kind("fix: the cache\n\n* feat!: b") == "cc-major"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Add a cache", "verb-minor"),
        ("DM-12345: Add a cache", "verb-minor"),
        ("Fixes the cache", "verb-patch"),
        ("Drop support for Python 3.9", "verb-major"),
        ("Bump requests from 2.31 to 2.32", "dependency"),
        ("[pre-commit.ci] pre-commit autoupdate", "dependency"),
        ("Update dependencies", "dependency"),
        ("Add documentation of the cache", "docs"),
        ("Add a GitHub Actions workflow", "ci"),
        ("Prepare release 1.2.3", "release"),
        ("DM-12345: a sentence", "plain"),
        ("", "plain"),
    ],
)
def test_words_of_a_subject(subject: str, expected: str) -> None:
    assert kind(subject) == expected


def test_github_revert_by_hash_and_its_revert() -> None:
    feature = raw_commit("a" * 40, "feat: a")
    revert = raw_commit(
        "b" * 40,
        'Revert "feat: a"\n\nThis reverts commit ' + "a" * 40 + ".",
    )
    again = raw_commit(
        "c" * 40,
        'Revert "Revert "feat: a""\n\nThis reverts commit ' + "b" * 40 + ".",
    )
    assert read_commits([feature]).number("cc-minor") == 1
    assert read_commits([revert, feature]).number("cc-minor") == 0
    assert read_commits([again, revert, feature]).number("cc-minor") == 1
    assert read_commits([feature, again, revert]).number("cc-minor") == 1


def test_github_revert_by_title_takes_back_one() -> None:
    evidence = read('Revert "feat: a (#1)" (#2)', "feat: a (#1)", "feat: a")
    assert evidence.number("cc-minor") == 1


def test_a_revert_of_what_was_released_counts_as_a_change() -> None:
    evidence = read('Revert "feat: long ago"', "feat: new")
    assert evidence.number("cc-minor") == 1
    assert evidence.reverted == 0


def test_many_reverts_are_cheap() -> None:
    messages = [f'Revert "feat: {n}"' for n in range(5_000)]
    messages += [f"feat: {n}" for n in range(5_000)]
    assert read(*messages).number("cc-minor") == 0


def test_merges_are_counted_and_not_looked_into() -> None:
    evidence = read_commits([raw_commit("a" * 40, "feat!: a", parents=2)])
    assert (evidence.total, evidence.looked_at) == (1, 0)


def test_messages_that_are_not_utf_8() -> None:
    raw = b">" + b"a" * 40 + b" " + b"0" * 40 + b"\nfeat: caf\xe9"
    evidence = read_commits([raw])
    assert evidence.number("cc-minor") == 1
    assert "�" in evidence.examples["cc-minor"][0].text


# -- What is meant, and not said by the convention --------------------------


@pytest.mark.parametrize(
    "line",
    [
        "BREAKING CHANGES: the search needs a token",
        "Breaking change: the search needs a token",
        "BREAKING_CHANGE: the search needs a token",
        "breaking-changes: the search needs a token",
        "BREAKING: the search needs a token",
        "* **Breaking change**: the search needs a token",
        "BREAKING CHANGE - the search needs a token",
        "Breaking changes — the search needs a token",
        "## Breaking changes\n\n- the search needs a token",
        "**Breaking changes**\n* the search needs a token",
    ],
)
def test_what_is_nearly_a_footer(line: str) -> None:
    message = f"fix: a\n\n{line}\n\nReviewed-by: Z"
    assert kind(message) == "cc-patch"
    assert besides(message) == [("nearly-major", line)]


def test_list_of_what_breaks() -> None:
    message = "fix: a\n\nBREAKING CHANGES:\n\n- Requires Node 14\n"
    ((name, said),) = besides(message)
    assert name == "nearly-major"
    assert said.splitlines()[-1] == "- Requires Node 14"


@pytest.mark.parametrize(
    "line",
    [
        "Breaking changes: none",
        "Breaking changes:\n\n- none\n",
        "Breaking changes:\n\nSigned-off-by: A",
        "Breaking change: No.",
        "## Breaking changes\n\n- none",
        "## Breaking changes\n\n- [ ] yes\n- [x] no",
        "Breaking changes are listed\n\n- elsewhere",
        "Breaking change-free",
        "BREAKING CHANGES:",
        "This is no breaking change: it only looks so",
        "breaking news: none of this is",
        "BREAKING CHANGE: a footer",
    ],
)
def test_what_is_not_nearly_a_footer(line: str) -> None:
    assert not besides(f"fix: a\n\n{line}")


@pytest.mark.parametrize(
    "body",
    [
        "Release-As: 1.0.0",
        "release-as: v1.0.0",
        "Words.\n\n* chore: ready\n\n  Release-As: 1.0.0\n\n* fix: b",
        "* Release-As: 1.0.0\r\n\r\nSigned-off-by: A",
    ],
)
def test_release_as_wherever_it_is(body: str) -> None:
    kinds = dict(besides(f"chore: release (#4)\n\n{body}"))
    assert "1.0.0" in kinds["release-as"]


def test_release_as_in_a_sentence_is_none() -> None:
    assert not besides("docs: a\n\nWrite Release-As: 1.0.0 to force it.")


def test_features_under_another_title() -> None:
    body = "* feat: b\n\n* fix: c\n\n* feat(x): d"
    named = [line for _, line in besides(f"chore: sync (#12)\n\n{body}")]
    assert named == ["feat: b", "feat(x): d"]
    kinds = {k for k, _ in besides(f"chore: sync (#12)\n\n{body}")}
    assert kinds == {"nearly-minor"}
    kinds = {k for k, _ in besides(f"fix: sync (#12)\n\n{body}")}
    assert kinds == {"disputed"}
    assert not besides(f"feat: sync (#12)\n\n{body}")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (":sparkles: Add a cache", "emoji-minor"),
        ("✨ Add a cache", "emoji-minor"),
        ("💥 Drop the cache", "emoji-major"),
        (":boom: Drop the cache", "emoji-major"),
        ("🐛 Fix the cache", "emoji-patch"),
        ("⬆️ Upgrade the cache", "emoji-patch"),
        (":bug: Fix the cache", "emoji-patch"),
    ],
)
def test_gitmoji(subject: str, expected: str) -> None:
    assert [k for k, _ in besides(subject)] == [expected]


@pytest.mark.parametrize("subject", ["é", ": a", "“Words”", "日本語", ""])
def test_what_is_no_gitmoji(subject: str) -> None:
    assert not besides(subject)


# -- What merges say of their pull requests ---------------------------------


@pytest.mark.parametrize(
    ("message", "said"),
    [
        # GitHub's own words, those of its other setting, and of queues.
        ("Merge pull request #9 from o/f\n\nfeat!: a", "feat!: a"),
        ("feat!: a (#9)", "feat!: a (#9)"),
        ("feat!: a (#9)\n\nWords.", "feat!: a (#9)\n\nWords."),
        ("Auto merge of #9 - o:f, r=me\n\nfeat!: a\n", "feat!: a\n"),
        ("Merge #8 #9\n\n8: a r=x a=y\n\n9: b r=x a=y",
         "\n* a r=x a=y\n\n* b r=x a=y"),
        # Other forges.
        ("Merged in f (pull request #9)\n\nfeat!: a", "feat!: a"),
        ("Merge branch 'f' into 'main'\n\nfeat!: a\n\nSee merge request o/r!9",
         "feat!: a\n\nSee merge request o/r!9"),
        ("Merge pull request 'feat!: a' (#9) from f into main\n\nOn: x",
         "feat!: a"),
        ("Merged PR 9: feat!: a\n\nWords.", "feat!: a\n\nWords."),
        ("Merge #9: feat!: a", "feat!: a"),
        ("Merge !9: feat!: a", "feat!: a"),
        # Other merges.
        ("Merge pull request #9 from o/f", None),
        ("Merge branch 'main' into f\n\nfeat!: a", None),
        ("feat!: a branch", None),
        ("Merge tag '1.2.3'\n\nfeat!: a", None),
    ],
)  # fmt: skip
def test_merged_pull_request(message: str, said: str | None) -> None:
    found = merged_pull_request(message.encode())
    assert (found and found.decode()) == said

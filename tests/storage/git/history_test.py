"""Reading real repositories, made by git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rsp_release.config import Config, load_config
from rsp_release.exceptions import BlockedError, ReadError, UsageError
from rsp_release.storage.git.history import read_history
from rsp_release.version.choose import Request, propose
from rsp_release.version.history import History
from tests.support.clone import Clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture
def released(clone: Clone) -> Clone:
    """Return a repository with the version 1.2.3 and no commit since."""
    clone.commit("feat: first")
    clone.tag("1.2.3")
    return clone


def read(clone: Clone, **settings: object) -> History:
    return read_history(clone.path, config=Config(**settings))  # type: ignore[arg-type]


def next_of(clone: Clone, **settings: object) -> str | None:
    config = Config(**settings)  # type: ignore[arg-type]
    history = read_history(clone.path, config=config)
    return propose(history, policy=config, request=Request()).next


# -- The previous version ---------------------------------------------------


def test_first_release(clone: Clone) -> None:
    clone.commit("feat: first")
    assert next_of(clone) == "0.1.0"


def test_no_commit_at_all(clone: Clone) -> None:
    with pytest.raises(ReadError):
        read(clone)


def test_not_a_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        read_history(tmp_path, config=Config())


@pytest.mark.parametrize("annotated", [False, True])
def test_lightweight_and_annotated_tags(
    clone: Clone,
    annotated: bool,  # noqa: FBT001
) -> None:
    clone.commit("feat: first")
    clone.tag("1.2.3", annotated=annotated)
    assert next_of(clone) is None
    clone.commit("fix: a")
    assert next_of(clone) == "1.2.4"
    assert read(clone).commits.total == 1


def test_several_tags_on_one_commit(released: Clone) -> None:
    for name in ("1.2.2", "1.3.0", "latest", "1.3.0-rc.1"):
        released.tag(name)
    released.commit("fix: a")
    assert next_of(released) == "1.3.1"


def test_unmerged_higher_tag(released: Clone) -> None:
    released.branch("hotfix")
    released.commit("fix: hot")
    released.tag("1.2.4")
    released.switch("main")
    released.commit("feat: a")
    history = read(released)
    assert history.previous is not None
    assert history.previous.name == "1.2.3"
    assert history.commits.total == 1
    released.commit("fix: b")
    assert next_of(released) == "1.3.0"


def test_many_unmerged_higher_tags(released: Clone) -> None:
    released.branch("side")
    released.commit("feat: a")
    for number in range(70):
        released.tag(f"2.{number}.0")
    released.switch("main")
    released.commit("fix: a")
    history = read(released)
    assert history.previous is not None
    assert history.previous.name == "1.2.3"


def test_tag_merged_from_a_release_branch(released: Clone) -> None:
    released.branch("1.2")
    released.commit("fix: back")
    released.tag("1.2.4")
    released.switch("main")
    released.commit("feat: a")
    released.merge("1.2")
    history = read(released)
    assert history.previous is not None
    assert history.previous.name == "1.2.4"


def test_tag_of_a_file_is_passed_over(released: Clone) -> None:
    released.commit("fix: a", name="x\n")
    blob = released.git("rev-parse", "HEAD:name")
    released.git("tag", "9.9.9", blob)
    assert next_of(released) == "1.2.4"


def test_prereleases_of_the_next_version(released: Clone) -> None:
    released.commit("feat: a")
    released.tag("1.3.0-rc.1")
    history = read(released)
    assert [t.name for t in history.prereleases] == ["1.3.0-rc.1"]
    assert history.head_tags == ("1.3.0-rc.1",)
    released.commit("fix: b")
    assert next_of(released) == "1.3.0"


def test_backport_branch(released: Clone) -> None:
    released.commit("feat: a")
    released.tag("1.3.0")
    released.branch("1.2", "1.2.3")
    released.commit("fix: back")
    history = read(released)
    assert history.branch == "1.2"
    assert next_of(released) == "1.2.4"


# -- Clones that lack something ---------------------------------------------


def shallow(clone: Clone, path: Path, *options: str) -> Clone:
    subprocess.run(
        ["git", "clone", "-q", *options, clone.path.as_uri(), str(path)],
        check=True,
    )
    return Clone(path, init=False)


def test_pain_shallow_clone_is_refused_and_deepened(
    released: Clone, tmp_path: Path
) -> None:
    """commitizen#649, semantic-release#841."""
    released.commit("feat: a")
    released.commit("fix: b")
    copy = shallow(released, tmp_path / "shallow", "--depth=1")
    with pytest.raises(BlockedError, match="shallow") as caught:
        read(copy)
    assert "git fetch --unshallow --tags" in (caught.value.help or "")
    copy.git("fetch", "-q", "--unshallow", "--tags")
    deep = read(copy)
    assert deep.commits.total == 2
    assert next_of(copy) == "1.3.0"


def test_shallow_clone_that_has_all_it_needs(
    released: Clone, tmp_path: Path
) -> None:
    released.commit("feat: a")
    copy = shallow(released, tmp_path / "shallow", "--depth=2")
    copy.git("fetch", "-q", "--tags")
    assert next_of(copy) == "1.3.0"


def test_pain_unfetched_tags_are_found_out(
    clone: Clone, tmp_path: Path
) -> None:
    """The change log tells of versions that have no tag here."""
    log = "## 1.1.0\n\n### Fixed\n\n- A.\n\n## 1.0.0\n\n### Added\n\n- B.\n"
    clone.commit_files("fix: a", {"CHANGELOG.md": log})
    clone.tag("1.1.0")
    copy = shallow(clone, tmp_path / "copy", "--no-tags")
    with pytest.raises(BlockedError, match=r"1\.1\.0 and 1\.0\.0") as caught:
        read(copy)
    assert "git fetch --tags" in (caught.value.help or "")
    copy.git("fetch", "-q", "--tags")
    deep = read(copy)
    assert deep.previous is not None


# -- Odd clones -------------------------------------------------------------


def test_detached_head(released: Clone) -> None:
    released.commit("fix: a")
    released.git("switch", "-q", "--detach")
    assert read(released).branch is None
    assert next_of(released) == "1.2.4"


def test_worktree(released: Clone, tmp_path: Path) -> None:
    released.commit("fix: a")
    path = tmp_path / "tree"
    released.git("worktree", "add", "-q", "-b", "other", str(path))
    other = Clone(path, init=False)
    other.commit("feat: b")
    assert next_of(other) == "1.3.0"
    assert next_of(released) == "1.2.4"


def test_submodule(released: Clone, tmp_path: Path) -> None:
    outer = Clone(tmp_path / "outer")
    outer.commit("feat: outer")
    outer.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        released.path.as_uri(),
        "inner",
    )
    outer.commit("feat: has a submodule")
    assert next_of(outer) == "0.1.0"
    inner = Clone(outer.path / "inner", init=False)
    inner.commit("fix: a")
    assert next_of(inner) == "1.2.4"


def test_file_that_is_not_here_is_not_absent(released: Clone) -> None:
    """A clone without all files lacks what its trees name."""
    released.commit_files("feat: more", {"CHANGELOG.md": "# Changes\n"})
    blob = released.git("rev-parse", "HEAD:CHANGELOG.md").strip()
    (released.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ReadError, match="which is CHANGELOG") as e:
        read(released)
    assert "--no-filter" in (e.value.help or "")


def test_partial_clone_is_not_completed(
    released: Clone, tmp_path: Path
) -> None:
    """To fetch runs what the clone's settings name, and asks the network."""
    released.commit_files("feat: more", {"CHANGELOG.md": "# Changes\n"})
    released.git("config", "uploadpack.allowFilter", "true")
    place, ran = tmp_path / "partial", tmp_path / "ran"
    released.git(
        "clone", "-q", "--filter=blob:none", "--no-checkout",
        released.path.as_uri(), str(place),
    )  # fmt: skip
    partial = Clone(place, init=False)
    partial.git("config", "remote.origin.uploadpack", f"touch {ran};")
    with pytest.raises(ReadError, match=r"CHANGELOG|promisor") as e:
        read(partial)
    assert "--no-filter" in (e.value.help or "")
    assert not ran.exists()


@pytest.mark.parametrize("is_absolute", [True, False])
def test_links_are_not_followed(
    released: Clone, tmp_path: Path, *, is_absolute: bool
) -> None:
    elsewhere = tmp_path / "elsewhere.md"
    elsewhere.write_text("## 1.9.0\n\n### Breaking changes\n\n- a\n")
    target = str(elsewhere)
    if not is_absolute:
        target = "../" * 30 + target[1:]
    (released.path / "CHANGELOG.md").symlink_to(target)
    released.commit("feat: a")
    assert read(released).past == ()
    (released.path / "changelog.d").mkdir()
    (released.path / "changelog.d" / "b.md").symlink_to(target)
    released.commit("feat: b")
    with pytest.raises(BlockedError, match=r"b\.md is a symbolic link"):
        read(released)


def test_links_choose_no_settings(released: Clone) -> None:
    """Neither scriv's settings nor another tool's are read through one."""
    elsewhere = released.path.parent / "elsewhere.toml"
    elsewhere.write_text('[tool.scriv]\nfragment_directory = "other"\n')
    (released.path / "pyproject.toml").symlink_to(elsewhere)
    (released.path / "changelog.d").symlink_to("other")
    released.commit_files("feat: a", {"other/a.md": "### Fixes\n\n- a\n"})
    history = read(released)
    assert not history.uses_fragments
    assert history.fragments == ()


def test_bare_repository(released: Clone, tmp_path: Path) -> None:
    released.commit("fix: a")
    copy = shallow(released, tmp_path / "bare.git", "--bare")
    assert next_of(copy) == "1.2.4"


def test_directory_below_the_root(released: Clone) -> None:
    released.commit_files("fix: a", {"sub/file": "x"})
    history = read_history(released.path / "sub", config=Config())
    assert history.commits.total == 1


def test_replaced_commits_are_not_seen(released: Clone) -> None:
    fix = released.commit("fix: a")
    released.branch("other", "1.2.3")
    feature = released.commit("feat!: b")
    released.switch("main")
    released.git("replace", fix, feature)
    assert next_of(released) == "1.2.4"


def test_messages_that_are_not_utf_8(released: Clone) -> None:
    released.git("config", "i18n.commitEncoding", "latin-1")
    released.commit(b"feat: caf\xe9")
    released.git("config", "i18n.logOutputEncoding", "latin-1")
    history = read(released)
    assert history.commits.examples["cc-minor"][0].text == "feat: café"


def test_configuration_that_changes_what_git_prints(released: Clone) -> None:
    released.commit("feat: a")
    for key, value in (
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("log.decorate", "full"),
        ("core.pager", "false"),
        ("core.fsmonitor", "touch ran"),
        ("log.showRoot", "false"),
    ):
        released.git("config", key, value)
    assert next_of(released) == "1.3.0"
    assert not (released.path / "ran").exists()


def test_revision_that_looks_like_an_option(released: Clone) -> None:
    with pytest.raises(UsageError):
        read_history(released.path, config=Config(), revision="--output=x")


def test_another_revision(released: Clone) -> None:
    fix = released.commit("fix: a")
    released.commit("feat: b")
    history = read_history(released.path, config=Config(), revision=fix)
    assert history.head == fix
    assert history.commits.total == 1


# -- Fragments and change logs ----------------------------------------------

FEATURE = "### New features\n\n- A new thing that nobody had before.\n"

FIX = "### Bug fixes\n\n- An old thing that works as it should now.\n"

BREAKING = "### Backwards-incompatible changes\n\n- A thing that is gone.\n"

SCRIV = "[tool.scriv]\nskip_fragments = '_*'\nformat = 'md'\n"


def test_pending_fragments(released: Clone) -> None:
    released.commit_files(
        "A", {"pyproject.toml": SCRIV, "changelog.d/1.md": FEATURE}
    )
    history = read(released)
    assert history.uses_fragments
    assert [f.path for f in history.fragments] == ["changelog.d/1.md"]
    assert next_of(released) == "1.3.0"


def test_withdrawn_fragment(released: Clone) -> None:
    released.commit_files("A", {"changelog.d/1.md": BREAKING})
    released.commit_files("B", {"changelog.d/1.md": None})
    released.commit_files("C", {"changelog.d/2.md": FIX})
    assert next_of(released) == "1.2.4"


def test_fragment_left_from_the_previous_version(clone: Clone) -> None:
    clone.commit_files("A", {"changelog.d/1.md": BREAKING})
    clone.tag("1.2.3")
    clone.commit_files("B", {"changelog.d/2.md": FIX})
    stale = {f.path: f.stale for f in read(clone).fragments}
    assert stale == {
        "changelog.d/1.md": "as old as the previous version",
        "changelog.d/2.md": "",
    }
    assert next_of(clone) == "1.2.4"


def test_fragment_that_is_in_the_change_log(released: Clone) -> None:
    released.commit_files(
        "A",
        {
            "changelog.d/1.md": FEATURE,
            "changelog.d/2.md": FIX,
            "CHANGELOG.md": f"## 1.2.3\n\n{FEATURE}",
        },
    )
    assert next_of(released) == "1.2.4"


def test_templates_and_readmes_are_no_fragments(released: Clone) -> None:
    released.commit_files(
        "A",
        {
            "pyproject.toml": SCRIV
            + "new_fragment_template = 'file: changelog.d/new.md'\n",
            "changelog.d/README.md": BREAKING,
            "changelog.d/_template.md": BREAKING,
            "changelog.d/new.md": BREAKING,
            "changelog.d/1.md": FIX,
        },
    )
    assert [f.path for f in read(released).fragments] == ["changelog.d/1.md"]


def test_scriv_ini_and_its_folder(released: Clone) -> None:
    released.commit_files(
        "A",
        {
            "tox.ini": "[scriv]\nfragment_directory = news.d\n",
            "news.d/1.md": FEATURE,
            "news.d/scriv.ini": "[scriv]\nskip_fragments = 2.*\n",
            "news.d/2.md": BREAKING,
        },
    )
    assert next_of(released) == "1.3.0"


def test_fragments_are_read_from_the_commit(released: Clone) -> None:
    released.commit_files("A", {"changelog.d/1.md": FIX})
    (released.path / "changelog.d/2.md").write_text(BREAKING)
    assert next_of(released) == "1.2.4"


def test_changesets(released: Clone) -> None:
    released.commit_files(
        "A",
        {
            ".changeset/README.md": "# Changesets\n",
            ".changeset/config.json": "{}\n",
            ".changeset/a.md": "---\n'one': minor\n'two': major\n---\n\nA.\n",
        },
    )
    assert next_of(released) == "2.0.0"
    released.tag("one@1.0.0")
    released.commit_files(
        "B", {".changeset/b.md": "---\n'one': minor\n'two': major\n---\nA.\n"}
    )
    assert next_of(released, tag_prefix="one@") == "1.1.0"


def test_towncrier(released: Clone) -> None:
    released.commit_files(
        "A",
        {
            "pyproject.toml": "[tool.towncrier]\ndirectory = 'doc/news'\n",
            "doc/news/DM-1.bugfix.rst": "A.",
            "doc/news/DM-2.feature.1.rst": "B.",
            "doc/news/README.rst": "C.",
        },
    )
    assert next_of(released) == "1.3.0"


def test_changelog_setting_turns_fragments_off(released: Clone) -> None:
    released.commit_files("Fix a", {"changelog.d/1.md": BREAKING})
    assert next_of(released, changelog="none") == "1.2.4"


def test_unreleased_section(clone: Clone) -> None:
    old = "## Unreleased\n\n### Removed\n\n- Stale words from before.\n"
    clone.commit_files("A", {"CHANGELOG.md": f"# Changes\n\n{old}"})
    clone.tag("1.2.3")
    clone.commit_files("B", {"x": "1"})
    assert read(clone).section is None
    new = f"# Changes\n\n{old}\n### Added\n\n- New words since then.\n"
    clone.commit_files("C", {"CHANGELOG.md": new})
    assert next_of(clone) == "1.3.0"


def test_edited_section_of_an_untagged_version(released: Clone) -> None:
    log = f"## 1.3.0\n\n{FEATURE}\n## 1.2.3\n\n{FIX}"
    released.commit_files("A", {"CHANGELOG.md": log})
    history = read(released)
    assert history.section is not None
    assert history.section.title == "1.3.0"
    assert next_of(released) == "1.3.0"


def test_own_past_is_read_from_the_change_log(clone: Clone) -> None:
    log = "".join(f"## 0.2.{n}\n\n{FEATURE}\n" for n in (3, 2, 1, 0))
    clone.commit_files("A", {"CHANGELOG.md": log})
    clone.tag("0.2.3")
    clone.commit_files("B", {"changelog.d/1.md": FEATURE})
    assert next_of(clone) == "0.2.4"


# -- Monorepos --------------------------------------------------------------


def test_streams_of_tags_are_apart(released: Clone) -> None:
    released.tag("name/v4.0.0")
    released.commit("fix: a")
    assert next_of(released) == "1.2.4"
    assert next_of(released, tag_prefix="name/v") == "4.0.1"


def test_stream_must_be_chosen(clone: Clone) -> None:
    clone.commit("A")
    clone.tag("one@1.0.0")
    clone.tag("two@2.0.0")
    with pytest.raises(UsageError, match="2 streams") as caught:
        read(clone)
    assert "tag-prefix" in (caught.value.help or "")


def test_only_stream_needs_no_choice(clone: Clone) -> None:
    clone.commit("A")
    clone.tag("release-1.0.0")
    clone.commit("fix: a")
    config = Config()
    history = read(clone)
    answer = propose(history, policy=config, request=Request())
    assert answer.tag == "release-1.0.1"


def test_paths_of_a_stream(clone: Clone) -> None:
    clone.commit_files("feat: both", {"one/x": "1", "two/x": "1"})
    clone.tag("one@1.0.0")
    clone.tag("two@1.0.0")
    clone.commit_files("feat: only two", {"two/x": "2"})
    two = {"tag_prefix": "two@", "paths": ("two",)}
    one = {"tag_prefix": "one@", "paths": ("one",)}
    assert next_of(clone, **one) is None
    assert next_of(clone, **two) == "1.1.0"
    clone.commit_files("fix: one", {"one/x": "2"})
    assert next_of(clone, **one) == "1.0.1"
    assert not read(clone, **one).warnings
    assert read(clone, tag_prefix="one@").warnings


def test_settings_are_read_below_the_root(released: Clone) -> None:
    released.commit_files(
        "fix: a",
        {".rsp-release.toml": 'tag-prefix = "v"\n', "sub/x": "1"},
    )
    config = load_config(released.path / "sub")
    assert config.tag_prefix == "v"
    assert config.source("tag-prefix") == ".rsp-release.toml"


# -- Other people's conventions ---------------------------------------------


@pytest.mark.parametrize(
    ("dead", "alive"),
    [
        ("0.11.0", "2026.04.0"),
        ("0.11.0", "20260401"),
        ("0.11.0", "v2026-04-01"),
        ("v0.27.6", "gha-runner-scale-set-0.14.2"),
        ("v18.9.1", "edge-26.8.3"),
    ],
)
def test_dead_stream_is_not_continued(
    clone: Clone, dead: str, alive: str
) -> None:
    clone.commit("feat: first")
    clone.tag(dead, annotated=True)
    clone.commit("feat: second")
    clone.tag(alive)
    clone.commit("feat: third")
    with pytest.raises(BlockedError, match="2023-11-14") as caught:
        next_of(clone)
    assert alive in caught.value.message
    assert dead in caught.value.message
    prefix = alive.rstrip("0123456789.")
    if prefix and alive[0] != "v":
        answer = next_of(clone, tag_prefix=prefix)
        assert answer in {"0.15.0", "26.9.0"}
    # Once it is tagged again, it is the one that is alive.
    clone.tag("19.0.0")
    clone.commit("fix: fourth")
    assert next_of(clone) == "19.0.1"


@pytest.mark.parametrize("name", ["v5", "1.0.0.1", "release-2024-05-01"])
def test_tags_that_are_no_versions_make_the_first_one_a_guess(
    clone: Clone, name: str
) -> None:
    clone.commit("feat: first")
    clone.tag(name)
    answer = propose(read(clone), policy=Config(), request=Request())
    assert (answer.next, answer.confidence) == ("0.1.0", "guess")
    assert name in answer.warnings[0]
    assert read(clone, tag_prefix="v").unlike == ""


@pytest.mark.parametrize("name", ["latest", "step1", "start"])
def test_tags_without_numbers_are_no_versions(clone: Clone, name: str) -> None:
    clone.commit("feat: first")
    clone.tag(name)
    assert read(clone).unlike == ""


def test_streams_are_told_with_their_last_tags(clone: Clone) -> None:
    clone.commit("A")
    clone.tag("one@1.0.0")
    clone.tag("two@2.0.0")
    with pytest.raises(UsageError, match=r"two@2\.0\.0 \(2023-11-14\)"):
        read(clone)


def merge_pull(clone: Clone, title: str) -> None:
    clone.switch("main")
    text = f"Merge pull request #9 from o/f\n\n{title}"
    clone.git("merge", "-q", "--no-ff", "-m", text, "f")


def test_merged_pull_request(released: Clone) -> None:
    released.commit("feat: other")
    released.branch("f")
    released.commit("work")
    merge_pull(released, "feat!: drop the old search")
    assert next_of(released) == "2.0.0"
    released.tag("2.0.0")
    released.commit("fix: a")
    assert next_of(released) == "2.0.1"


def test_merge_of_what_was_released_counts_once(released: Clone) -> None:
    released.branch("f")
    released.commit("feat!: drop the old search")
    released.tag("2.0.0")
    released.commit("chore: begin 2.0.1")
    released.switch("main")
    released.commit("fix: a")
    merge_pull(released, "feat!: version 2")
    assert next_of(released) == "2.0.1"


def test_merged_pull_request_counts_for_its_paths(clone: Clone) -> None:
    clone.commit_files("A", {"one/x": "1", "two/x": "1"})
    clone.tag("one@1.0.0")
    clone.tag("two@1.0.0")
    clone.branch("f")
    clone.commit_files("work", {"one/x": "2"})
    merge_pull(clone, "feat!: drop the old search")
    one = {"tag_prefix": "one@", "paths": ("one",)}
    two = {"tag_prefix": "two@", "paths": ("two",)}
    assert next_of(clone, **one) == "2.0.0"
    assert next_of(clone, **two) is None


def test_gitmoji_of_the_last_releases_are_read(clone: Clone) -> None:
    for number in range(6):
        clone.commit(f"🐛 Fix {number}")
        clone.commit(f"✨ Search {number}")
        clone.tag(f"1.{number}.0")
    clone.commit("✨ Another search")
    history = read(clone)
    assert [part for part, _ in history.releases] == ["minor"] * 5
    assert next_of(clone) == "1.6.0"


def test_no_release_is_read_without_gitmoji(released: Clone) -> None:
    released.commit("fix: a")
    assert read(released).releases == ()
    assert read(released).streams == ()

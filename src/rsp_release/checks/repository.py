"""Checks of the clone and its remote."""

from __future__ import annotations

import re
from shlex import quote

from ..exceptions import NotAllowedError
from ..models import ReleasePage
from ..models.naming import name_first
from ..publishing.triggers import starts_on_branch
from ..version.tags import Tag, parse_tags, stream_of
from ..version.values import spell_pep440
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts
from .workflow_file import read_workflow

__all__ = [
    "check_behind",
    "check_branch",
    "check_changelog_pull",
    "check_ci",
    "check_clean",
    "check_history",
    "check_previous_images",
    "check_previous_release",
    "check_python_version",
    "check_release_free",
    "check_tag_free",
    "check_tag_style",
    "check_tag_unused",
    "check_tags_fetched",
    "check_unfinished",
]

_BACKPORT_BRANCH = re.compile(r"v?\d+\.\d+(?:\.x)?")

_PEP440 = re.compile(
    r"v?(?:\d+!)?\d+(?:\.\d+)*"
    r"(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(?:[-_.]?(?:post|rev|r)[-_.]?\d*|-\d+)?"
    r"(?:[-_.]?dev[-_.]?\d*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
"""Versions of PEP 440, appendix B."""

_PYTHON_FILES = ("pyproject.toml", "setup.cfg", "setup.py")

_READS_TAG = re.compile(
    r"setuptools[_-]scm|use_scm_version|hatch-vcs|versioningit"
)
"""What is written where the version is read from the tag."""

_READERS = {
    "setuptools-scm": "setuptools_scm",
    "use_scm_version": "setuptools_scm",
}

_CHANGELOG_BRANCH = "rsp-release/changelog-"


def check_branch(facts: Facts) -> Finding:
    """Tell whether a branch is checked out that is released from."""
    branch, default = facts.proposal.branch, facts.proposal.default_branch
    if branch is None:
        return problem(
            "the checkout is on no branch",
            "check out the release branch",
            command=f"git switch {quote(default)}",
        )
    if branch == default:
        return ok(f"{branch} is checked out")
    if _BACKPORT_BRANCH.fullmatch(branch):
        return ok(f"{branch} is checked out, a branch for one line")
    return problem(
        f"{branch} is no release branch: those are {default}, and branches"
        " for one line such as 1.4",
        "check out the release branch, or set `branch` in the settings",
        command=f"git switch {quote(default)}",
    )


def check_clean(facts: Facts) -> Finding:
    """Tell whether everything is committed."""
    changed = facts.world.git.uncommitted()
    if facts.proposal.is_begun or not changed:
        return ok("no tracked file has uncommitted changes")
    return problem(
        f"there are uncommitted changes: {name_first(changed)}",
        "commit them, or put them away",
        command="git stash",
    )


def check_history(facts: Facts) -> Finding:
    """Tell whether the whole history is here."""
    git = facts.world.git
    if facts.proposal.is_begun or not git.is_shallow():
        return ok("the clone has the whole history")
    return problem(
        "the clone is shallow, so its history cannot be judged",
        command=f"git fetch --unshallow --tags {quote(git.remote)}",
    )


def check_tags_fetched(facts: Facts) -> Finding:
    """Tell whether the remote's tags are here."""
    git = facts.world.git
    missing = () if facts.proposal.is_begun else git.unfetched_tags()
    if facts.is_joined:
        missing = tuple(t for t in missing if t != facts.proposal.tag)
    if not missing:
        return ok(f"all tags of {git.remote} are here")
    return problem(
        f"{git.remote} has tags that this clone has not:"
        f" {name_first(missing)}",
        command=f"git fetch --tags {quote(git.remote)}",
    )


def check_behind(facts: Facts) -> Finding:
    """Tell whether the commit is the head of the remote's branch."""
    git, branch = facts.world.git, facts.proposal.branch
    if branch is None:
        return unknown("no branch is checked out")
    commit, head = facts.proposal.commit, facts.remote_head()
    if head is None:
        return problem(
            f"{git.remote} has no branch {branch}",
            command=f"git push {quote(git.remote)} {quote(branch)}",
        )
    if head == commit:
        return ok(f"{git.remote}/{branch} is at {commit[:10]}, as here")
    is_contained = git.is_ancestor(commit, head)
    if is_contained and (facts.proposal.is_begun or facts.is_joined):
        return ok(f"{git.remote}/{branch} contains {commit[:10]}")
    if is_contained:
        return problem(
            f"{branch} is behind {git.remote}/{branch}, which is at"
            f" {head[:10]}",
            command="git pull --ff-only",
        )
    text = f"commit {commit[:10]} is not on {git.remote}/{branch}"
    if git.is_ancestor(head, commit):
        push = f"git push {quote(git.remote)} {quote(branch)}"
        return problem(text, command=push)
    return problem(
        text,
        "see what differs: git log "
        + quote(f"{git.remote}/{branch}...{branch}"),
    )


def check_tag_style(facts: Facts) -> Finding:
    """Tell whether the tags are semantic versions of one style."""
    history, trouble = facts.history, facts.trouble
    if facts.is_empty:
        return ok("nothing is committed yet")
    if history is None:
        return unknown(
            trouble.message if trouble else "the tags were not read",
            trouble.help if trouble else None,
        )
    if trouble is not None:
        return problem(
            trouble.message,
            trouble.help or "name the version: rsp-release bump X.Y.Z",
        )
    tags = [t for t in history.tags if not t.is_calendar]
    if not tags:
        return ok(f"no version is tagged; the next is {facts.proposal.tag}")
    prefixes = sorted({t.prefix for t in tags})
    if len(prefixes) > 1:
        newest = max(tags, key=lambda t: t.order)
        others = [t.name for t in tags if t.prefix != newest.prefix]
        return warning(
            f"the tags have several styles: {newest.name}, but"
            f" {name_first(others)}",
            f"new tags are like {newest.name}; the setting tag-prefix says"
            " so for good",
        )
    short = [t.name for t in tags if t.parts == 2]
    if short:
        return warning(
            f"these tags have two numbers, not three: {name_first(short)}",
            "a semantic version has three; new tags will have them",
        )
    return ok(f"{len(tags)} tags, such as {tags[0].name}")


def check_python_version(facts: Facts) -> Finding:
    """Tell whether what reads the version from the tag understands it."""
    text = "\n".join(facts.text(path) or "" for path in _PYTHON_FILES)
    found = _READS_TAG.search(text)
    tag = facts.proposal.tag
    if found is None:
        return ok("nothing takes a Python version from the tag")
    parsed = next(iter(parse_tags([tag])), None)
    if parsed is None:
        return unknown(f"{tag} names no version")
    reader = _READERS.get(found[0], found[0])
    version = tag.removeprefix(stream_of(parsed.prefix)).lstrip("-/@_")
    if not _PEP440.fullmatch(version):
        return problem(
            f"{reader} reads the version from the tag, and {version} is none"
            " of PEP 440",
            "use an identifier that both know: a, b or rc, as in --pre rc",
        )
    if _has_prefix(parsed) and not re.search(
        r"tag[_-](?:regex|pattern)", text
    ):
        return warning(
            f"{reader} reads the version from the tag, and {tag} has a prefix",
            "tell it with its setting tag_regex",
        )
    return ok(f"{reader} reads {tag} as {spell_pep440(parsed.version)}")


def _has_prefix(tag: Tag) -> bool:
    return bool(stream_of(tag.prefix))


def check_tag_free(facts: Facts) -> Finding:
    """Tell whether the tag's name is free."""
    git, tag = facts.world.git, facts.proposal.tag
    if facts.is_joined:
        return ok(f"another run releases {tag}, and this one goes along")
    remote = facts.remote_tag()
    if remote is not None:
        return problem(
            f"tag {tag} is on {git.remote} already, at {remote.commit[:10]}",
            "finish that release, or release another version",
            command=f"rsp-release resume {quote(tag)}",
        )
    local = git.local_tag(tag)
    if local is not None:
        return problem(
            f"tag {tag} is in this clone already, at {local[:10]}",
            command=f"git tag -d {quote(tag)}",
        )
    return ok(f"{tag} is free")


def check_tag_unused(facts: Facts) -> Finding:
    """Tell whether the name was used by a release that is gone.

    GitHub keeps no list of such names, but the runs that were for them.
    https://docs.github.com/en/code-security/concepts/supply-chain-security/immutable-releases
    """
    tag = facts.proposal.tag
    try:
        runs = facts.settings.runs_of_tag(tag)
    except NotAllowedError as e:
        return unknown(
            f"whether {tag} was used before: {e.message}",
            "a token with the permission Actions: read sees past runs",
        )
    if not runs:
        return ok(f"no workflow ever ran for {tag}")
    if facts.remote_tag() is not None:
        return ok(f"{tag} is there: the workflow runs are for it")
    text = f"{tag} was tagged before, and deleted: a workflow ran for it"
    if facts.is_immutable():
        return problem(
            f"{text}; a tag of an immutable release can never be used again",
            "release another version: rsp-release bump X.Y.Z",
            url=runs[0].url,
        )
    return warning(
        text, "another version is safer: images of it may exist",
        url=runs[0].url,
    )  # fmt: skip


def check_release_free(facts: Facts) -> Finding:
    """Tell whether there is a GitHub release of that tag."""
    tag = facts.proposal.tag
    if facts.is_joined:
        return ok(f"another run releases {tag}, and this one goes along")
    published = [page for page in facts.pages(tag) if not page.is_draft]
    if published:
        return problem(
            f"GitHub release {tag} is published already",
            f"see {published[0].url}",
            url=published[0].url,
        )
    drafts = len(facts.pages(tag))
    if drafts:
        return ok(f"GitHub release {tag} is a draft, and will be published")
    return ok(f"there is no GitHub release {tag}")


def check_ci(facts: Facts) -> Finding:
    """Tell whether the commit's own CI is green."""
    commit = facts.proposal.commit
    try:
        checks = facts.settings.checks(commit)
    except NotAllowedError as e:
        return unknown(f"the checks of {commit[:10]}: {e.message}", e.help)
    # The job that releases is not over before it is.
    others = [check for check in checks if not check.is_own]
    failed = [check.name for check in others if check.state == "failed"]
    running = [check.name for check in others if check.state == "running"]
    if failed:
        return problem(
            f"on {commit[:10]} failed: {name_first(failed)}",
            "mend it, or run it again, before it is released",
        )
    if running:
        return warning(
            f"on {commit[:10]} not over yet: {name_first(running)}",
            "wait for it",
        )
    if not checks:
        text = f"nothing was checked on {commit[:10]}"
        path = _checks_pushes(facts)
        if path is None:
            return ok(text)
        return warning(
            f"{text}, though {path} runs when {facts.proposal.branch} is"
            " pushed to",
            "wait for it, or see why it does not run",
        )
    return ok(f"{len(others)} checks of {commit[:10]} passed")


def _checks_pushes(facts: Facts) -> str | None:
    """Find a workflow that runs on every push to the release branch."""
    branch = facts.proposal.branch
    for path in sorted(facts.workflows()):
        document = read_workflow(facts, path) or {}
        if branch is not None and starts_on_branch(document.get("on"), branch):
            return path
    return None


def check_unfinished(facts: Facts) -> Finding:
    """Tell whether a release that was begun here is not finished."""
    begun = facts.begun
    if begun is None:
        return ok("this clone has no release that was begun and not finished")
    return problem(
        f"release {begun} was begun here and is not finished",
        command=f"rsp-release resume {quote(begun)}",
    )


def check_previous_release(facts: Facts) -> Finding:
    """Tell whether the previous tag has its GitHub release."""
    tag = facts.proposal.previous_tag
    if tag is None:
        return ok("there is no earlier version")
    pages: tuple[ReleasePage, ...] = facts.pages(tag)
    if facts.begun == tag:
        return ok(f"{tag} is not finished, as told above")
    if any(not page.is_draft for page in pages):
        return ok(f"{tag} has its GitHub release")
    if not pages and not facts.settings.has_releases():
        # It is how this repository was always released, and nothing is
        # unfinished.
        return warning(
            f"no tag has a GitHub release so far, and {tag} has none either",
            "this release will be the first, unless you make one of it",
            command=f"rsp-release resume {quote(tag)}",
        )
    what = "a draft of a" if pages else "no"
    return problem(
        f"tag {tag} has {what} GitHub release",
        "finish it",
        command=f"rsp-release resume {quote(tag)}",
    )


def check_previous_images(facts: Facts) -> Finding:
    """Tell whether the previous version's images can be pulled."""
    tag = facts.proposal.previous_tag
    reports = facts.previous_images()
    if tag is None or not reports:
        return ok("no earlier version has images that are known")
    absent = [r.image for r in reports if r.state == "absent"]
    if absent and all(page.is_draft for page in facts.pages(tag)):
        return unknown(f"{tag} has no GitHub release, so no image either")
    if absent and facts.config and facts.config.is_set("images"):
        # The settings may name an image that is new.
        return warning(
            f"{tag} has no image {name_first(absent)}, which the settings"
            " name",
            "see that the workflow publishes it",
        )
    if absent:
        return problem(
            f"{tag} has no image {name_first(absent)}",
            "finish that release",
            command=f"rsp-release resume {quote(tag)} --rerun-failed 1",
        )
    hidden = [r for r in reports if r.state == "unknown"]
    if hidden:
        why = hidden[0].reason or "no reason given"
        return unknown(
            f"{hidden[0].image}:{tag}: {why}",
            "log in to the registry",
            command=f"docker login {quote(hidden[0].image.split('/')[0])}",
        )
    return ok(f"{reports[0].image}:{tag} can be pulled")


def check_changelog_pull(facts: Facts) -> Finding:
    """Tell whether a pull request with a change log is still open."""
    pulls = facts.once("open pulls", facts.settings.open_pulls)
    for pull in pulls:
        if pull.branch.startswith(_CHANGELOG_BRANCH):
            tag = pull.branch.removeprefix(_CHANGELOG_BRANCH)
            if facts.begun == tag:
                continue
            if facts.is_planned and tag == facts.proposal.tag:
                return ok(f"pull request #{pull.number} is of this release")
            return problem(
                f"pull request #{pull.number} with the change log of {tag} is"
                " open",
                "merge it, and finish that release",
                command=f"rsp-release resume {quote(tag)}",
                url=pull.url,
            )
    return ok("no pull request with a change log is open")

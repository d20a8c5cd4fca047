"""Checks of the clone and its remote."""

from __future__ import annotations

import re
from contextlib import suppress
from shlex import quote

from ..exceptions import NotAllowedError, RefusedError
from ..models.naming import CHANGELOG_BRANCHES, name_first
from ..publishing.triggers import starts_on_branch
from ..version.tags import parse_tags, stream_of
from ..version.values import spell_pep440
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts
from .rivals import check_rival
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
    "check_signing",
    "check_tag_free",
    "check_tag_style",
    "check_tag_unused",
    "check_tags_fetched",
    "check_unfinished",
]

_BACKPORT_BRANCH = re.compile(
    r"(?:releases?|stable|maint|maintenance|support|branch)[-/_]v?"
    r"\d+(?:\.\d+)*(?:[.-]x)?"
    r"|v?\d+(?:\.\d+)+(?:\.x)?|v?\d+\.x|v\d+"
)
"""What a branch is called that older versions are released from."""

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

_JOINED = "another run releases {}; this one joins it"


def check_branch(facts: Facts) -> Finding:
    """Tell whether a branch is checked out that is released from.

    Blocks elsewhere: what is tagged there is on no branch that users follow.
    """
    branch, default = facts.proposal.branch, facts.proposal.default_branch
    if branch is None:
        return problem(
            "HEAD is detached",
            "switch to the release branch",
            command=f"git switch {quote(default)}",
        )
    if branch == default:
        return ok(f"on {branch}")
    if _BACKPORT_BRANCH.fullmatch(branch):
        return ok(f"on {branch}, a maintenance branch")
    return problem(
        f"{branch} is not a release branch; release from {default}, or from a"
        " maintenance branch such as 1.4",
        "switch to the release branch, or set `branch` in the settings",
        command=f"git switch {quote(default)}",
    )


def check_clean(facts: Facts) -> Finding:
    """Tell whether everything is committed.

    Blocks where a tracked file has changed: the release would lack that.
    """
    changed = facts.world.git.uncommitted()
    if facts.proposal.is_begun or not changed:
        return ok("no tracked file has changed")
    return problem(
        f"uncommitted changes: {name_first(changed)}",
        "commit or stash them",
        command="git stash",
    )


def check_signing(facts: Facts) -> Finding:
    """Tell whether what a release makes can be signed, by trying it.

    Blocks where it cannot: the tag could not be made.
    """
    if facts.is_empty:
        return ok("no commits yet")
    try:
        is_signed = facts.world.git.try_signing()
    except RefusedError as e:
        return problem(e.message, e.help)
    if is_signed:
        return ok("a trial commit was signed")
    return ok("a trial commit was made; nothing is signed here")


def check_history(facts: Facts) -> Finding:
    """Tell whether the clone has the full history.

    Blocks where it has not: the version would be chosen from a part of it.
    """
    git = facts.world.git
    if facts.proposal.is_begun or not git.is_shallow():
        return ok("the clone is not shallow")
    return problem(
        "the clone is shallow",
        command=f"git fetch --unshallow --tags {quote(git.remote)}",
    )


def check_tags_fetched(facts: Facts) -> Finding:
    """Tell whether the remote's version tags are here.

    Blocks where one is not: the version would follow an older one.
    """
    git = facts.world.git
    proposal = facts.proposal
    unfetched = () if proposal.is_begun else facts.remote_refs().unfetched
    # Others, such as `latest`, may be moved or made at any time.
    missing = {tag.name for tag in parse_tags(unfetched)}
    if facts.is_joined:
        missing.discard(proposal.tag)
    if not missing:
        return ok(f"all version tags of {git.remote} are fetched")
    return problem(
        f"tags of {git.remote} are not fetched: {name_first(sorted(missing))}",
        command=f"git fetch --tags {quote(git.remote)}",
    )


def check_behind(facts: Facts) -> Finding:
    """Tell whether the commit is the head of the remote's branch.

    Blocks where it is not: the release would lack what is there, or have what
    nobody else has.
    """
    git, branch = facts.world.git, facts.proposal.branch
    if branch is None:
        return unknown("HEAD is detached")
    commit, head = facts.proposal.commit, facts.remote_head()
    if head is None:
        return problem(
            f"{git.remote} has no branch {branch}",
            command=f"git push {quote(git.remote)} {quote(branch)}",
        )
    if head == commit:
        return ok(f"{git.remote}/{branch} is at {commit[:10]} too")
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
        "compare: git log " + quote(f"{git.remote}/{branch}...{branch}"),
    )


def check_tag_style(facts: Facts) -> Finding:
    """Tell whether the tags are semantic versions of one style.

    Blocks where no version follows from them.
    """
    history, trouble = facts.history, facts.trouble
    if facts.is_empty:
        return ok("no commits yet")
    if history is None:
        return unknown(
            trouble.message if trouble else "not checked: cannot read tags",
            trouble.help if trouble else None,
        )
    if trouble is not None:
        return problem(
            trouble.message,
            trouble.help or "name the version: rsp-release bump X.Y.Z",
        )
    tags = [t for t in history.tags if not t.is_calendar]
    if history.unlike:
        return warning(
            f"{history.unlike} is no semantic version, and neither is any"
            " other tag",
            "name the first version: rsp-release bump X.Y.Z",
        )
    if not tags:
        return ok(f"no version tags yet; the first is {facts.proposal.tag}")
    prefixes = sorted({t.prefix for t in tags})
    if len(prefixes) > 1:
        newest = max(tags, key=lambda t: t.order)
        others = [t.name for t in tags if t.prefix != newest.prefix]
        return warning(
            f"tags differ in prefix: {newest.name}, but {name_first(others)}",
            f"new tags will be like {newest.name}; set `tag-prefix` to choose",
        )
    short = [t.name for t in tags if t.parts == 2]
    if short:
        return warning(
            f"tags with two numbers: {name_first(short)}",
            "new tags will have three, as semantic versions do",
        )
    return ok(f"{len(tags)} tags, such as {tags[0].name}")


def check_python_version(facts: Facts) -> Finding:
    """Tell whether what reads the version from the tag understands it.

    Blocks where it does not: the build would fail.
    """
    text = "\n".join(facts.text(path) or "" for path in _PYTHON_FILES)
    found = _READS_TAG.search(text)
    tag = facts.proposal.tag
    if found is None:
        return ok("no Python build tool reads the version from the tag")
    parsed = next(iter(parse_tags([tag])), None)
    if parsed is None:
        return unknown(f"{tag} is not a version")
    reader = "setuptools_scm" if "scm" in found[0] else found[0]
    version = tag.removeprefix(stream_of(parsed.prefix)).lstrip("-/@_")
    if not _PEP440.fullmatch(version):
        return problem(
            f"{reader} reads the version from the tag, and {version} is not"
            " valid under PEP 440",
            "use an identifier that is: --pre a, b or rc",
        )
    has_pattern = re.search(r"tag[_-](?:regex|pattern)", text)
    if stream_of(parsed.prefix) and not has_pattern:
        return warning(
            f"{reader} reads the version from the tag, and {tag} has a prefix",
            "set its tag_regex",
        )
    return ok(f"{reader} reads {tag} as {spell_pep440(parsed.version)}")


def check_tag_free(facts: Facts) -> Finding:
    """Tell whether the tag's name is free.

    Blocks where it is not: the release could not be tagged.
    """
    git, tag = facts.world.git, facts.proposal.tag
    if facts.is_joined:
        return ok(_JOINED.format(tag))
    remote = facts.remote_tag()
    if remote is not None:
        return problem(
            f"tag {tag} already exists on {git.remote}, at {remote[:10]}",
            "finish that release, or release another version",
            command=f"rsp-release resume {quote(tag)}",
        )
    local = git.local_tag(tag)
    if local is not None:
        return problem(
            f"tag {tag} already exists in this clone, at {local[:10]}",
            command=f"git tag -d {quote(tag)}",
        )
    return ok(f"no tag {tag}")


def check_tag_unused(facts: Facts) -> Finding:
    """Tell whether the name was used by a release that is gone.

    Blocks where releases are immutable and a run was for a release of that
    name: GitHub refuses to use it again. It keeps no list of such names, but
    the runs that were for them.
    https://docs.github.com/en/code-security/concepts/supply-chain-security/immutable-releases
    """
    tag = facts.proposal.tag
    try:
        runs = facts.settings.runs_of_tag(tag)
    except NotAllowedError as e:
        return unknown(
            f"not checked: {e.message}",
            "use a token with the permission Actions: read",
        )
    if not runs:
        return ok(f"no workflow ever ran for {tag}")
    if facts.remote_tag() is not None:
        return ok(f"tag {tag} exists, and the workflow runs are for it")
    text = f"tag {tag} existed before: a workflow ran for it"
    if facts.is_immutable() and any(run.event == "release" for run in runs):
        return problem(
            f"{text}; the tag of an immutable release cannot be reused",
            "release another version: rsp-release bump X.Y.Z",
            url=runs[0].url,
        )
    return warning(
        text,
        "release another version: images of this one may exist",
        url=runs[0].url,
    )


def check_release_free(facts: Facts) -> Finding:
    """Tell whether there is a GitHub release of that tag.

    Blocks where one is published: it is what users have.
    """
    tag = facts.proposal.tag
    if facts.is_joined:
        return ok(_JOINED.format(tag))
    published = [page for page in facts.pages(tag) if not page.is_draft]
    if published:
        return problem(
            f"GitHub release {tag} is already published",
            "release another version",
            url=published[0].url,
        )
    if facts.pages(tag):
        return ok(f"GitHub release {tag} is a draft; it will be published")
    return ok(f"no GitHub release {tag}")


def check_ci(facts: Facts) -> Finding:
    """Tell whether the commit's own CI is green.

    Blocks where a check failed: by its own tests, what would be released does
    not work, and the run that publishes tends to run the same.
    """
    commit = facts.proposal.commit
    checks = facts.settings.checks(commit)
    # The job that releases is not over before it is.
    others = [check for check in checks if not check.is_own]
    failed = [check.name for check in others if check.state == "failed"]
    running = [check.name for check in others if check.state == "running"]
    if failed:
        return problem(
            f"checks of {commit[:10]} failed: {name_first(failed)}",
            "fix or re-run them before the release",
        )
    if running:
        return warning(
            f"checks of {commit[:10]} still running: {name_first(running)}",
            "wait for them",
        )
    if not checks:
        text = f"no checks on {commit[:10]}"
        path = _checks_pushes(facts)
        if path is None:
            return ok(text)
        with suppress(NotAllowedError):
            if facts.is_overlooked(path):
                return unknown(
                    f"{text}, and GitHub does not list {path}",
                    "see whether the Actions page lists it",
                )
        return warning(
            f"{text}, although {path} runs on pushes to"
            f" {facts.proposal.branch}",
            "wait for it, or find out why it did not run",
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
    """Tell whether a release that was begun here is not finished.

    Blocks where there is one: ``bump`` finishes that one first.
    """
    begun = facts.begun
    if begun is None:
        return ok("no unfinished release in this clone")
    return problem(
        f"release {begun} of this clone is not finished",
        command=f"rsp-release resume {quote(begun)}",
    )


def check_previous_release(facts: Facts) -> Finding:
    """Tell whether the previous tag has its GitHub release."""
    tag = facts.proposal.previous_tag
    if tag is None:
        return ok("no earlier version")
    pages = facts.pages(tag)
    if facts.begun == tag:
        return ok(f"{tag} is not finished; see above")
    if any(not page.is_draft for page in pages):
        return ok(f"{tag} has a GitHub release")
    command = f"rsp-release resume {quote(tag)}"
    if not pages and not facts.settings.has_releases():
        # It is how this repository was always released, and nothing is
        # unfinished.
        return warning(
            f"no tag has a GitHub release yet, not even {tag}",
            "create one for it, or let the new release be the first",
            command=command,
        )
    return warning(
        f"the GitHub release of {tag} is a draft"
        if pages
        else f"tag {tag} has no GitHub release",
        "finish that release",
        command=command,
    )


def check_previous_images(facts: Facts) -> Finding:
    """Tell whether the previous version's images can be pulled."""
    tag = facts.proposal.previous_tag
    reports = facts.previous_images()
    if tag is None or not reports:
        return ok("no known images of an earlier version")
    absent = [r.image for r in reports if r.state == "absent"]
    if absent and all(page.is_draft for page in facts.pages(tag)):
        return unknown(f"{tag} has no GitHub release, hence no images")
    if absent and facts.config.is_set("images"):
        # The settings may name an image that is new.
        return warning(
            f"{name_first(absent)} from the settings has no tag {tag}",
            "check that the workflow publishes it",
        )
    if absent:
        return warning(
            f"{name_first(absent)} has no tag {tag}",
            "finish that release",
            command=f"rsp-release resume {quote(tag)} --rerun-failed 1",
        )
    hidden = [r for r in reports if r.state == "unknown"]
    if hidden:
        why = hidden[0].reason or "no reason given"
        help = hidden[0].help or "check again later"
        remedy, login, host = help.partition(": docker login ")
        return unknown(
            f"{hidden[0].image}:{tag}: {why}",
            remedy,
            command=f"docker login {quote(host)}" if login else None,
        )
    return ok(f"{reports[0].image}:{tag} can be pulled")


def check_changelog_pull(facts: Facts) -> Finding:
    """Tell whether a pull request with a change log is still open.

    Blocks where one for another version is open for the same branch: two
    versions would have the same changes.
    """
    for pull in facts.open_pulls():
        is_here = pull.base in ("", facts.proposal.branch)
        if is_here and pull.branch.startswith(CHANGELOG_BRANCHES):
            tag = pull.branch.removeprefix(CHANGELOG_BRANCHES)
            if facts.begun == tag or pull.url == check_rival(facts).url:
                continue
            if facts.is_planned and tag == facts.proposal.tag:
                return ok(f"pull request #{pull.number} is of this release")
            return problem(
                f"pull request #{pull.number} with the change log of {tag} is"
                " open",
                "merge it and finish that release, or close it",
                command=f"rsp-release resume {quote(tag)}",
                url=pull.url,
            )
    return ok("no open pull request with a change log")

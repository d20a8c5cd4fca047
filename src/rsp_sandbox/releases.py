"""The REST API: releases and generated notes."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from . import shapes
from .base import Problem, Response, invalid, iso, node_id, not_found
from .forge import Forge
from .git import GitError
from .guards import guard_ref, guard_workflows
from .records import Project, Release
from .rest import Context, page, route

__all__ = ["without_tag"]

R = "/repos/{owner}/{repo}"
MOST = 125_000
"""The longest body, in characters."""

_TAG = re.compile(r"(?!/)[^\s~^:?*\[\\\x00-\x1f\x7f]+(?<![/.])")


def shape(context: Context, item: Release) -> dict[str, Any]:
    """Return a ``release``."""
    box, project = context.box, context.project
    url = f"{context.api}/releases/{item.id}"
    place = item.slug if item.is_draft else quote(item.tag)
    uploads = (
        f"{box.server_url}/api/uploads/repos/{project.full_name}/releases"
    )
    data = {
        "url": url,
        "assets_url": f"{url}/assets",
        "upload_url": f"{uploads}/{item.id}/assets{{?name,label}}",
        "html_url": f"{context.web}/releases/tag/{place}",
        "id": item.id,
        "author": shapes.user(box, item.author),
        "node_id": node_id("Release", item.id),
        "tag_name": item.tag,
        "target_commitish": item.target,
        "name": item.name,
        "draft": item.is_draft,
        "immutable": False,
        "prerelease": item.is_prerelease,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "published_at": iso(item.published_at),
        "assets": [],
        "tarball_url": None,
        "zipball_url": None,
        "body": item.body,
    }
    if not item.is_draft:
        data["tarball_url"] = f"{context.api}/tarball/{quote(item.tag)}"
        data["zipball_url"] = f"{context.api}/zipball/{quote(item.tag)}"
    return data


def visible(context: Context) -> list[Release]:
    """Return the releases that the request can see, newest first."""
    view = context.view.back(context.box.lag.releases)
    found = list(context.project.releases.read(view).values())
    if not context.can_push:
        found = [item for item in found if not item.is_draft]
    # GitHub lists by the date of the commit, drafts by their making.
    return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)


@route("GET", R + "/releases", "contents:read")
def list_releases(context: Context) -> Response:
    """List releases; drafts only for those who may push."""
    return page(context, visible(context), lambda r: shape(context, r))


@route("GET", R + "/releases/tags/{tag*}", "contents:read")
def get_by_tag(context: Context) -> Response:
    """Answer the published release of a tag; drafts are not found."""
    for item in visible(context):
        if item.tag == context.args["tag"] and not item.is_draft:
            return Response(200, shape(context, item))
    raise not_found()


@route("GET", R + "/releases/{id}", "contents:read")
def get_release(context: Context) -> Response:
    """Answer a release by its number."""
    number = context.number("id")
    for item in visible(context):
        if item.id == number:
            return Response(200, shape(context, item))
    raise not_found()


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    return None if value is None else str(value)


def _check_body(body: str | None) -> None:
    if body is not None and len(body) > MOST:
        text = f"body is too long (maximum is {MOST} characters)"
        raise invalid("Release", "body", "custom", text)


@route("POST", R + "/releases", "contents:write")
def create_release(context: Context) -> Response:
    """Create a release, and its tag where there is none."""
    box, project = context.box, context.project
    data = context.request.json()
    tag = _text(data, "tag_name")
    if tag is None:
        text = '"tag_name" wasn\'t supplied.'
        raise Problem(422, f"Invalid request.\n\n{text}")
    if not _TAG.fullmatch(tag) or ".." in tag:
        text = "tag_name is not a valid tag"
        raise invalid("Release", "tag_name", "custom", text)
    body, name = _text(data, "body"), _text(data, "name")
    is_draft = bool(data.get("draft"))
    is_prerelease = bool(data.get("prerelease"))
    choice = _text(data, "make_latest") or "true"
    _check_body(body)
    releases = project.releases.value
    if not is_draft:
        _check_free(project, tag)
    target = _text(data, "target_commitish") or project.git.default_branch
    if not is_draft:
        _ensure_tag(context, tag, target)
    commit = project.git.commit(project.git.refs().get(f"refs/tags/{tag}", ""))
    when = commit.committer.date if commit else context.now
    item = Release(
        id=box.new_id("release"),
        tag=tag,
        target=target,
        name=name,
        body=body,
        is_draft=is_draft,
        is_prerelease=is_prerelease,
        make_latest="false" if is_prerelease or is_draft else choice,
        author=context.actor,
        created_at=when if not is_draft else context.now,
        published_at=None if is_draft else context.now,
        updated_at=context.now,
        slug="untagged-" + secrets.token_hex(10),
    )
    box.changed(project.releases, releases | {item.id: item})
    if not is_draft:
        kind = "prereleased" if is_prerelease else "released"
        _emit(context, item, "created", "published", kind)
    data = shape(context, item)
    return Response(201, data, headers={"Location": data["url"]})


def without_tag(box: Forge, project: Project, tag: str) -> None:
    """Make drafts of the releases of a tag that was deleted.

    Parameters
    ----------
    box
        The sandbox.
    project
        The repository.
    tag
        The tag that is gone.
    """
    found = dict(project.releases.value)
    for number, item in found.items():
        if item.tag == tag and not item.is_draft:
            found[number] = replace(item, is_draft=True, published_at=None)
    if found != project.releases.value:
        box.changed(project.releases, found)


def _check_free(project: Project, tag: str, but: int | None = None) -> None:
    for other in project.releases.value.values():
        if other.tag == tag and not other.is_draft and other.id != but:
            raise invalid("Release", "tag_name", "already_exists")


def _ensure_tag(context: Context, tag: str, target: str) -> None:
    """Make a lightweight tag at the target if there is no such tag."""
    project = context.project
    ref = f"refs/tags/{tag}"
    if ref in project.git.refs():
        return
    sha = project.git.resolve(target)
    if sha is None:
        raise invalid("Release", "target_commitish", "invalid")
    try:
        guard_ref(context, ref, None, sha)
    except Problem as problem:
        errors = [
            {
                "resource": "Release",
                "code": "custom",
                "field": "pre_receive",
                "message": "pre_receive " + problem.message,
            },
            "Published releases must have a valid tag",
        ]
        raise Problem(422, "Validation Failed", errors=errors) from None
    guard_workflows(context, sha)
    try:
        project.git.update_ref(ref, sha, "0" * 40)
    except GitError:
        raise invalid("Release", "tag_name", "invalid") from None
    context.box.pushed(project, context.token)


def _emit(context: Context, item: Release, *actions: str) -> None:
    for action in actions:
        context.box.released(context.project, item, action, context.token)


@route("PATCH", R + "/releases/{id}", "contents:write")
def update_release(context: Context) -> Response:
    """Change a release, or publish a draft."""
    box, project = context.box, context.project
    data = context.request.json()
    number = context.number("id")
    releases = project.releases.value
    old = releases.get(number)
    if old is None:
        raise not_found()
    _check_body(_text(data, "body"))
    tag = _text(data, "tag_name") or old.tag
    is_draft = bool(data.get("draft", old.is_draft))
    is_prerelease = bool(data.get("prerelease", old.is_prerelease))
    choice = _text(data, "make_latest")
    publishes = old.is_draft and not is_draft
    if not is_draft:
        _check_free(project, tag, but=number)
    target = _text(data, "target_commitish") or old.target
    if not is_draft:
        _ensure_tag(context, tag, target)
    latest_now = choice or ("true" if publishes else old.make_latest)
    created = old.created_at
    if publishes:
        sha = project.git.refs().get(f"refs/tags/{tag}", "")
        commit = project.git.commit(sha)
        created = commit.committer.date if commit else created
    item = replace(
        old,
        tag=tag,
        target=target,
        name=_text(data, "name") if "name" in data else old.name,
        body=_text(data, "body") if "body" in data else old.body,
        is_draft=is_draft,
        is_prerelease=is_prerelease,
        make_latest="false" if is_prerelease or is_draft else latest_now,
        created_at=created,
        published_at=context.now if publishes else old.published_at,
        updated_at=context.now,
    )
    box.changed(project.releases, releases | {number: item})
    if publishes:
        # A published draft pre-release emits no `prereleased`.
        more = () if is_prerelease else ("released",)
        _emit(context, item, "published", *more)
    elif not is_draft:
        _emit(context, item, "edited")
    return Response(200, shape(context, item))


@route("POST", R + "/releases/generate-notes", "contents:write")
def generate_notes(context: Context) -> Response:
    """Write notes as GitHub does, and keep nothing."""
    data = context.request.json()
    tag = _text(data, "tag_name")
    if not tag:
        text = '"tag_name" wasn\'t supplied.'
        raise Problem(422, f"Invalid request.\n\n{text}")
    target = _text(data, "target_commitish")
    previous = _text(data, "previous_tag_name")
    name, body = _notes(context, tag, target, previous)
    return Response(200, {"name": name, "body": body})


def _notes(
    context: Context, tag: str, target: str | None, previous: str | None
) -> tuple[str, str]:
    project = context.project
    git = project.git
    refs = git.refs()
    head = git.peel(refs.get(f"refs/tags/{tag}", ""))
    head = head or git.resolve(target or git.default_branch)
    if head is None:
        raise invalid("Release", "target_commitish", "invalid")
    if previous is not None and f"refs/tags/{previous}" not in refs:
        raise Problem(422, "Invalid previous_tag parameter")
    if previous is None:
        done = [r for r in project.releases.value.values() if not r.is_draft]
        done = [r for r in done if r.tag != tag]
        done.sort(key=lambda r: r.created_at)
        previous = done[-1].tag if done else None
    start = git.peel(refs.get(f"refs/tags/{previous}", ""))
    shas = git.log(f"{start}..{head}" if start else head)
    lines = [
        f"* {pull.title} by @{pull.author} in {context.web}/pull/{pull.number}"
        for pull in project.pulls.values()
        if pull.merge_sha in shas
    ]
    text = ""
    if lines:
        text = "## What's Changed\n" + "\n".join(lines) + "\n\n"
    if previous:
        link = f"{context.web}/compare/{previous}...{tag}"
    else:
        link = f"{context.web}/commits/{tag}"
    return tag, f"{text}\n**Full Changelog**: {link}"

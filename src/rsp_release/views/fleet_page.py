"""One HTML page of a fleet, which needs nothing from elsewhere.

Everything is in the file, and its policy lets a browser run and fetch
nothing else: https://www.w3.org/TR/CSP3/. Whatever others wrote goes through
`safe.html`, and an address through `_link`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, TypeAlias

from . import safe
from .fleet_plots import draw_history

__all__ = ["make_page"]

Item: TypeAlias = Mapping[str, Any]
"""An application, as ``schemas/fleet.json`` describes it."""

_NEEDS = ("failed", "unknown", "deploy", "merge", "release", "nothing")

_HEADINGS = ("Application", "To do", "Unreleased", "Released", "Deployed")

_RUNNING = "Running"
"""A column that is there where any environment can be looked at."""

_LISTED_MOST = 4
"""How many environments are listed without being asked for."""


def make_page(
    told: Mapping[str, Any],
    history: Mapping[str, Any],
    *,
    server_url: str,
    now: datetime,
) -> str:
    """Make the page.

    Parameters
    ----------
    told
        The fleet, as ``schemas/fleet.json`` describes it. Its texts and
        addresses may be anybody's.
    history
        How long changes took, as `~rsp_release.views.fleet_plots` draws it.
    server_url
        The address of GitHub.
    now
        The present time (aware, UTC).

    Returns
    -------
    str
        An HTML document.
    """
    items: Sequence[Item] = told["applications"]
    counts = Counter(item["need"] for item in items)
    headings: tuple[str, ...] = _HEADINGS
    if any(item["running"] for item in items):
        headings += (_RUNNING,)
    css, js = _read("fleet.css"), _read("fleet.js")
    repository = safe.html(told["repository"])
    parts = {
        "policy": (
            "default-src 'none'; base-uri 'none'; form-action 'none'; "
            f"style-src {_digest(css)}; script-src {_digest(js)}"
        ),
        "css": css,
        "js": js,
        "repository": repository,
        "home": _link(f"{server_url}/{told['repository']}", repository),
        "iso": now.isoformat(timespec="seconds"),
        "when": f"{now:%Y-%m-%d %H:%M} UTC",
        "summary": _summarize(counts),
        "history": draw_history(history),
        "needs": "".join(
            f'<button type="button" value="{need}" aria-pressed="false">'
            f"{need} {counts[need]}</button>"
            for need in _NEEDS
            if counts[need]
        ),
        "headings": "".join(
            f'<th scope="col"><button type="button">{each}</button></th>'
            for each in headings
        ),
        "rows": "\n".join(_row(item, server_url, headings) for item in items),
    }
    # In one pass, so that nothing that is put in is read again.
    return re.sub(
        r"<!--(\w+)-->", lambda match: parts[match[1]], _read("fleet.html")
    )


@cache
def _read(name: str) -> str:
    """Return a part of the page."""
    source = files(__package__).joinpath("page", name)
    return source.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Name what a browser may run, by what it says."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _link(url: str | None, html: str) -> str:
    """Link to an address, if it is one that can be followed."""
    found = safe.url(url)
    return f'<a href="{escape(found)}">{html}</a>' if found else html


def _summarize(counts: Counter[str]) -> str:
    total = counts.total()
    waiting = total - counts["nothing"]
    noun = "application" if total == 1 else "applications"
    if not waiting:
        return f"{total} {noun}, none needs attention."
    verb = "needs" if waiting == 1 else "need"
    return f"{total} {noun}, {waiting} {verb} attention."


def _row(item: Item, server_url: str, headings: Sequence[str]) -> str:
    name = safe.html(item["label"])
    repository = safe.html(item["repository"])
    source = _link(f"{server_url}/{item['repository']}", repository)
    # The last may have no heading.
    cells = zip(headings[1:], _cells(item), strict=False)
    rest = "".join(
        f'<td data-label="{heading}" data-key="{safe.html(str(key))}">'
        f"{html}</td>"
        for heading, (key, html) in cells
    )
    return (
        f'<tr data-need="{safe.html(item["need"])}">'
        f'<th scope="row" data-key="{name}"><strong>{name}</strong>'
        f"<small>{source}</small></th>{rest}</tr>"
    )


def _cells(item: Item) -> Iterator[tuple[object, str]]:
    """Yield what a cell is sorted by, and what it shows."""
    need = item["need"]
    page = {
        "failed": item["run_url"],
        "merge": item["deploy_pull"] or item["release_pull"],
    }.get(need)
    said = safe.html(item["text"])
    badge = f'<span class="need {safe.html(need)}">{safe.html(need)}</span>'
    yield _NEEDS.index(need), f"{badge} {_link(page, said)}".strip()

    count, following = item["unreleased"], item["next"]
    if count is None:
        yield "", _soft("cannot tell")
    elif not count:
        yield 0, "none"
    else:
        html = f"{count} commit{'s' if count > 1 else ''}"
        if following:
            html += f" → {_version(following)}"
        yield count, html

    if item["latest"] is None:
        yield "", _soft("cannot tell" if item["problem"] else "never")
    else:
        html = _link(item["release_url"], _version(item["latest"]))
        age = item["age"]
        if age is not None:
            html += f" {_soft(f'{age} days ago' if age != 1 else '1 day ago')}"
        if item["run"] and item["run"] != "success":
            run = safe.html(item["run"].replace("_", " "))
            html += f" {_soft('run: ')}{_link(item['run_url'], run)}"
        yield "" if age is None else age, html

    yield item["deployed"] or "", _deployed(item)
    versions = [v for each in item["running"] for v in each["versions"]]
    yield next(iter(versions), ""), _running(item["running"])


def _deployed(item: Item) -> str:
    """Show what the environments run, where they differ each of them."""
    found: dict[str, dict[str, None]] = {}
    assumed = set()
    for each in item["environments"]:
        found.setdefault(each["tag"], {})[each["environment"]] = None
        if each["is_assumed"]:
            assumed.add(each["tag"])
    if item["deployed"] is None:
        return _soft("cannot tell" if item["problem"] else "nowhere")

    def show(tag: str, names: str = "") -> str:
        names = f"{names} (assumed)" if tag in assumed else names
        return f"{_version(tag)} {_soft(names)}" if names else _version(tag)

    if len(found) <= 1:
        return show(item["deployed"])
    return _list(
        [
            show(tag, ", ".join(map(safe.html, names)))
            for tag, names in sorted(found.items(), key=lambda f: -len(f[1]))
        ],
        "versions",
    )


def _running(environments: Sequence[Item]) -> str:
    """Show what runs in each environment, and what Argo CD says of it."""
    if not environments:
        return _soft("cannot tell")
    shown = []
    for each in environments:
        words = [safe.html(each["environment"])]
        if each["problem"] is not None:
            words.append("cannot tell")
        words += [
            safe.html(word)
            for word in (each["sync"], each["health"])
            if word not in {None, "Synced", "Healthy"}
        ]
        versions = " ".join(map(_version, each["versions"]))
        shown.append(f"{versions} {_soft(', '.join(words))}".strip())
    return _list(shown, "environments")


def _list(items: Sequence[str], noun: str) -> str:
    """List things, folded up where they are many."""
    listed = f"<ul>{''.join(f'<li>{each}</li>' for each in items)}</ul>"
    if len(items) <= _LISTED_MOST:
        return listed
    label = f"{len(items)} {noun}"
    return f"<details><summary>{label}</summary>{listed}</details>"


def _version(version: str) -> str:
    return f'<span class="v">{safe.html(version)}</span>'


def _soft(html: str) -> str:
    return f"<small>{html}</small>"

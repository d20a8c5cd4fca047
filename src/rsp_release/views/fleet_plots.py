"""Draws how long changes took, for the page of a fleet.

The plots are SVG within the page, and their figures stand in a table below
each. :file:`page/fleet.js` draws them anew for one application: what is
computed here for a mark, it computes in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import log
from typing import Any, TypeAlias

from . import safe

__all__ = ["draw_history", "format_seconds"]

Figures: TypeAlias = Sequence[int] | None
"""How many there were, the median and the 90th percentile, in seconds."""

_STAGES = {
    "release": ("Merge to release", "changes"),
    "image": ("Release to images", "releases"),
    "deployment": ("Images to deployment", "releases"),
    "whole": ("Merge to deployment", "changes"),
}

_OUTCOMES = {
    "first": "succeeded at once",
    "later": "succeeded after a failure",
    "failed": "failed",
    "running": "not finished",
    "unknown": "cannot tell",
}
"""In the order of the figures."""

_PLURALS = {
    "application": "applications",
    "change": "changes",
    "release": "releases",
    "repository": "repositories",
}

_TICKS = {
    60: "1 min", 3600: "1 h", 86400: "1 d", 7 * 86400: "1 w",
    30 * 86400: "30 d", 366 * 86400: "1 y",
}  # fmt: skip

_LEFT, _TOP, _WIDTH, _HEIGHT = 42, 8, 288, 128
"""Where the marks are, in an image of 340 by 156."""

_NAMES = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def draw_history(told: Mapping[str, Any]) -> str:
    """Draw how long changes took, and how releases ended.

    Parameters
    ----------
    told
        What `~rsp_release.deployment.lead_times.summarize` returns. Names and
        reasons may be anybody's.

    Returns
    -------
    str
        HTML.
    """
    months: Sequence[str] = told["months"]
    everything = told["all"]
    figures = [_stage(stage, everything[stage], months) for stage in _STAGES]
    figures.append(_outcomes(everything["outcomes"], months))
    return _SECTION.format(
        names="".join(
            f"<option>{safe.html(name)}</option>"
            for name in sorted(told["applications"])
        ),
        figures="\n".join(figures),
        unknown=_unknown(told["unknown"]),
        data=_island(
            {
                "all": everything,
                "applications": {
                    safe.line(name): each
                    for name, each in told["applications"].items()
                },
            }
        ),
    )


_SECTION = """\
<section aria-labelledby="times">
<h2 id="times">How long changes take</h2>
<form id="choice" hidden>
<label>Application <select id="application" autocomplete="off">\
<option value="">all of them</option>{names}</select></label>
</form>
<p class="legend"><svg viewBox="0 0 16 16" aria-hidden="true">\
<circle cx="8" cy="8" r="3.5" class="median"/></svg> median
<svg viewBox="0 0 16 16" aria-hidden="true">\
<path d="M8 15V4M4 4h8" class="range"/></svg> up to the 90th percentile;
by the month in which they ended; no mark where nothing was measured.</p>
<div class="figures">
{figures}
<div class="figure">
<h3>Cannot tell</h3>
{unknown}
<details><summary>How this is measured</summary>
<p>A change is a commit of the default branch itself: a merge, or a pull
request that was squashed. A commit that is tagged is none, for it usually
holds the change log alone. It is released when the first release that has it
is published; pre-releases do not count.</p>
<p>The images are there when every workflow has succeeded that ran for the
release. It is deployed when <code>appVersion</code> on the default branch of
the deployment repository has reached it; when Argo CD synced that is not
known here.</p>
<p>Half took no longer than the median, nine of ten no longer than the 90th
percentile: both are values that were measured. What several applications
have in common counts once among all of them. Twelve months are read, and of
a repository no more than thirty releases and a thousand commits.</p>
</details>
</div>
</div>
<script type="application/json" id="data">{data}</script>
</section>"""


def format_seconds(seconds: int) -> str:
    """Write a span of time.

    Parameters
    ----------
    seconds
        How long it is.

    Returns
    -------
    str
        Such as ``40 s``, ``12 min``, ``3.5 h`` or ``6.1 d``.
    """
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{_round(seconds / 60):.0f} min"
    unit, name = (3600, "h") if seconds < 48 * 3600 else (86400, "d")
    # As JavaScript rounds.
    return f"{_round(10 * seconds / unit) / 10:.1f} {name}"


def _round(value: float) -> int:
    return int(value + 0.5)


def _stage(stage: str, all_: Sequence[Figures], months: Sequence[str]) -> str:
    """Draw how long a stage took, by month."""
    title, noun = _STAGES[stage]
    *values, total = all_
    marks = "".join(_mark(*each) for each in enumerate(values))
    rows = "".join(
        f'<tr><th scope="row">{month}</th>{_stage_cells(each)}</tr>'
        for month, each in zip(months, values, strict=True)
    )
    ticks = ((_place(at), name) for at, name in _TICKS.items())
    return _figure(
        stage, title, _say(total, noun), _axes(ticks, months) + marks,
        f'<th scope="col">{noun}</th><th scope="col">median</th>'
        '<th scope="col">90th percentile</th>',
        rows, noun,
    )  # fmt: skip


def _say(total: Figures, noun: str) -> str:
    if total is None:
        return "nothing was measured"
    count, median, most = total
    return (
        f"median {format_seconds(median)}, 90% within"
        f" {format_seconds(most)}; {count} {noun}"
    )


def _stage_cells(figures: Figures) -> str:
    if figures is None:
        return "<td>0</td><td></td><td></td>"
    count, median, most = figures
    return (
        f"<td>{count}</td><td>{format_seconds(median)}</td>"
        f"<td>{format_seconds(most)}</td>"
    )


def _place(seconds: float) -> str:
    """Return how far down a span of time is, on a logarithmic scale."""
    low, high = min(_TICKS), max(_TICKS)
    share = log(min(max(seconds, low), high) / low) / log(high / low)
    return f"{_TOP + _HEIGHT * (1 - share):.1f}"


def _mark(month: int, figures: Figures) -> str:
    """Draw the median and the 90th percentile of a month."""
    x = _LEFT + (month + 0.5) * _WIDTH / 12
    if figures is None:
        return (
            f'<g hidden><path class="range"/><circle cx="{x:g}" cy="0"'
            ' r="3.5" class="median"/></g>'
        )
    median, most = map(_place, figures[1:])
    return (
        f'<g><path d="M{x:g} {median}V{most}M{x - 4:g} {most}h8"'
        f' class="range"/><circle cx="{x:g}" cy="{median}" r="3.5"'
        ' class="median"/></g>'
    )


def _outcomes(all_: Sequence[Sequence[int]], months: Sequence[str]) -> str:
    """Draw how the releases of each month ended."""
    highest = max(1, *map(sum, all_))
    bars = "".join(_bars(*each, highest) for each in enumerate(all_))
    rows = "".join(
        f'<tr><th scope="row">{month}</th>'
        + "".join(f"<td>{count}</td>" for count in counts)
        + "</tr>"
        for month, counts in zip(months, all_, strict=True)
    )
    heads = "".join(
        f'<th scope="col"><span class="key {key}"></span>{name}</th>'
        for key, name in _OUTCOMES.items()
    )
    sums = [sum(column) for column in zip(*all_, strict=True)]
    said = "".join(
        f'<span{"" if count else " hidden"}><span class="key {key}"></span>'
        f"<span>{count}</span> {_OUTCOMES[key]}</span> "
        for key, count in zip(_OUTCOMES, sums, strict=True)
    )
    ticks = [(f"{_TOP + _HEIGHT}", "0"), (f"{_TOP}", str(highest))]
    return _figure(
        "outcomes", "Runs that publish", said,
        _axes(ticks, months) + bars, heads, rows, "releases",
    )  # fmt: skip


def _bars(month: int, counts: Sequence[int], highest: int) -> str:
    x = _LEFT + month * _WIDTH / 12 + 4
    bars = []
    below = 0
    for key, count in zip(_OUTCOMES, counts, strict=True):
        below += count
        bars.append(
            f'<rect x="{x:g}" width="16" class="{key}"'
            f' y="{_TOP + _HEIGHT * (1 - below / highest):.1f}"'
            f' height="{_HEIGHT * count / highest:.1f}"/>'
        )
    return f"<g>{''.join(bars)}</g>"


def _axes(
    ticks: Iterator[tuple[str, str]] | Sequence[tuple[str, str]],
    months: Sequence[str],
) -> str:
    lines = "".join(
        f'<path d="M{_LEFT} {y}h{_WIDTH}" class="grid"/>'
        f'<text x="{_LEFT - 5}" y="{y}" dy="4" text-anchor="end">{name}</text>'
        for y, name in ticks
    )
    names = "".join(
        f'<text x="{_LEFT + (number + 0.5) * _WIDTH / 12:g}" y="152"'
        f' text-anchor="middle">{_NAMES[int(month[5:]) - 1]}'
        f"{f' {month[:4]}' if month.endswith('-01') else ''}</text>"
        for number, month in enumerate(months)
        if number % 3 == 0
    )
    return lines + names


def _figure(  # noqa: PLR0917
    key: str, title: str, said: str, marks: str, heads: str, rows: str,
    noun: str,
) -> str:  # fmt: skip
    return (
        f'<figure data-stage="{key}" data-noun="{noun}" class="figure">'
        f"<figcaption><h3>{title}</h3><p>{said}</p></figcaption>"
        f'<svg viewBox="0 0 340 156" role="img" aria-label="{title}, by month:'
        f' the figures are in the table below">{marks}</svg>'
        "<details><summary>Figures</summary><table>"
        f'<caption class="unseen">{title}, by month</caption>'
        f'<thead><tr><th scope="col">month</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></details></figure>"
    )


def _unknown(reasons: Sequence[tuple[int, str, str]]) -> str:
    if not reasons:
        return "<p>Everything that was asked for is known.</p>"
    items = "".join(
        f"<li>{count} {safe.html(noun if count == 1 else _PLURALS[noun])}"
        f" {safe.html(reason)}</li>"
        for count, noun, reason in reasons
    )
    return f"<ul>{items}</ul>"


def _island(value: object) -> str:
    """Write JSON that no text in it can end, or begin, an element of."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text

"""Scores the choice of versions on what maintainers really released.

Run as ``python -m tests.support.histories PATH``, where the path holds
:file:`open.jsonl` (see the README beside it). Skipped where that is absent.
"""

# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rsp_release.config import Config
from rsp_release.exceptions import ReleaseError
from rsp_release.models import NextVersion
from rsp_release.version.choose import Request, propose
from rsp_release.version.commits import (
    CommitEvidence,
    raw_commit,
    read_commits,
)
from rsp_release.version.fragments import (
    Fragment,
    Section,
    parse_changelog,
    parse_fragment,
)
from rsp_release.version.history import History
from rsp_release.version.tags import Tag, parse_tags
from rsp_release.version.values import Version

__all__ = ["GROUPS", "group_of", "histories", "main", "score"]

Record = dict[str, Any]

BUMPS = ("major", "minor", "patch")

GROUPS = {
    # group: what the maintainers' README gives as the reference, in per cent
    "R1": 86.8,
    "R2": 65.8,
    "R4": 66.9,
    "R5": 67.2,
    "C1a": 99.0,
    "C1b": 81.3,
    "C2": 99.2,
}

_TOOL_TAGGED = ("octokit/rest.js", "commitizen-tools/commitizen")

_PAST = 20


def pending(record: Record) -> list[Record]:
    """Return the fragments that were pending when it was decided."""
    fragments: list[Record] = record["fragments"]
    if record["collect_commits"]:
        return [f for f in fragments if f["how"] == "collect"]
    return fragments


def group_of(record: Record) -> str | None:
    """Return the group for scoring, or `None` where it isn't scored."""
    if record["bump"] not in BUMPS:
        return None
    if record["group"] == "rubin":
        if any(f["format"] == "scriv" for f in pending(record)):
            return "R1"
        if record["scriv_configured"]:
            return "R2"
        return None if record["repo"] == "lsst-sqre/squareone" else "R4"
    if record["group"] == "cc":
        return "C1a" if record["repo"] in _TOOL_TAGGED else "C1b"
    return {"rubin-ts": "R5", "cc-big": "C2"}.get(record["group"])


def _commits(record: Record) -> CommitEvidence:
    return read_commits(_raw(commit) for commit in record["commits"])


def _raw(commit: Record) -> bytes:
    message = commit["subject"]
    if commit.get("body"):
        message += "\n\n" + commit["body"]
    if commit.get("breaking_footer") and "BREAKING" not in message:
        message += f"\n\nBREAKING CHANGE: {commit['breaking_footer']}"
    return raw_commit(
        commit["hash"], message, parents=2 if commit.get("merge") else 1
    )


def _section(record: Record) -> Section | None:
    """Return the section as it was released, with its version."""
    if not record["changelog"]:
        return None
    sections = parse_changelog(record["changelog"]["text"])
    wanted = _tag(record["tag"])
    for section in sections:
        if wanted is not None and section.version == wanted.version:
            return section
    return None


def _tag(name: str) -> Tag | None:
    return next(iter(parse_tags([name])), None)


def _fragment(record: Record, fragment: Record) -> Fragment:
    stream = record.get("stream") or ""
    parsed = parse_fragment(
        fragment["name"],
        fragment["text"],
        tool=fragment["format"],
        package=stream.rstrip("@"),
    )
    if fragment.get("in_prev_changelog"):
        return parsed._replace(stale="already in the change log")
    if fragment.get("in_prev_tree"):
        return parsed._replace(stale="as old as the previous version")
    return parsed


def histories(
    records: Iterable[Record], *, with_section: bool = False
) -> Iterator[tuple[Record, History]]:
    """Turn each scored record into what was known when it was decided.

    Parameters
    ----------
    records
        All records, oldest first within each repository.
    with_section
        Whether the change log's section, as people edited it before the tag
        was made, has been read again.

    Yields
    ------
    tuple
        The record and its history. Nothing in that is later than the
        decision; of the past, only what earlier records hold.
    """
    known: dict[str, list[Record]] = defaultdict(list)
    evidence: dict[tuple[str, str], CommitEvidence] = {}
    for record in records:
        repo = record["repo"]
        past = known[repo]
        commits = _commits(record)
        evidence[repo, record["tag"]] = commits
        if group_of(record) is not None or record["bump"] in BUMPS:
            yield (
                record,
                _history(
                    record, past, commits, evidence, with_section=with_section
                ),
            )
        past.append(record)


def _history(
    record: Record,
    past: list[Record],
    commits: CommitEvidence,
    evidence: dict[tuple[str, str], CommitEvidence],
    *,
    with_section: bool,
) -> History:
    previous = _tag(record["prev"])
    by_tag = {r["tag"]: r for r in past}
    chain: list[Record] = []
    at = record["prev"]
    while at in by_tag and len(chain) < _PAST:
        chain.append(by_tag[at])
        at = by_tag[at]["prev"]
    total = looked_at = 0
    for earlier in chain:
        then = evidence[record["repo"], earlier["tag"]]
        total += then.conventional
        looked_at += then.looked_at
        if looked_at >= 100:
            break
    tags = {r["tag"] for r in past} | {r["prev"] for r in past if r["prev"]}
    tags.add(record["prev"])
    sections = (_section(r) for r in chain)
    return History(
        head=record["commit"],
        tags=tuple(t for t in map(_tag, sorted(tags)) if t is not None),
        previous=previous,
        commits=commits,
        conventional=total / looked_at if looked_at >= 10 else None,
        fragments=tuple(_fragment(record, f) for f in pending(record)),
        uses_fragments=bool(record["scriv_configured"]),
        section=_section(record) if with_section else None,
        past=tuple(s for s in sections if s is not None),
    )


def bump_of(before: Version, after: Version) -> str:
    """Return which part was raised."""
    if after.major != before.major:
        return "major"
    return "minor" if after.minor != before.minor else "patch"


def score(
    records: list[Record], *, with_section: bool = False
) -> list[tuple[Record, str, NextVersion | None]]:
    """Propose a version for each scored record."""
    answers = []
    for record, history in histories(records, with_section=with_section):
        group = group_of(record)
        if group is None or history.previous is None:
            continue
        answer: NextVersion | None = None
        try:
            answer = propose(
                history, policy=Config(), request=Request(part="auto")
            )
        except ReleaseError as exc:
            print("refused:", record["repo"], record["tag"], exc)
        answers.append((record, group, answer))
    return answers


def main(argv: list[str]) -> int:
    """Print the table."""
    path = Path(argv[0]) if argv else Path("../shared/histories")
    if not (path / "open.jsonl").exists():
        print(f"skipped: there is no {path / 'open.jsonl'}")
        return 0
    with (path / "open.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    records.sort(key=lambda r: r["tag_date"])
    for with_section in (False, True):
        how = "with the edited section" if with_section else "as pending"
        print(f"\n{how}")
        _print_table(score(records, with_section=with_section))
        if "--misses" in argv and not with_section:
            _print_misses(score(records))
    return 0


def _print_table(
    answers: list[tuple[Record, str, NextVersion | None]],
) -> None:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for record, group, answer in answers:
        row = rows[group]
        row["n"] += 1
        if answer is None:
            continue
        right = answer.bump == record["bump"]
        row["right"] += right
        row[answer.confidence] += 1
        row[f"{answer.confidence} right"] += right
    head = "certain (right)   likely (right)    guess (right)"
    print(f"{'group':6}{'n':>5}{'right':>8}{'reference':>11}   {head}")
    for group, reference in GROUPS.items():
        row = rows[group]
        if not row["n"]:
            continue
        cells = []
        for name in ("certain", "likely", "guess"):
            share = 100 * row[name] / row["n"]
            right = 100 * row[f"{name} right"] / max(1, row[name])
            cells.append(f"{share:5.1f} % ({right:5.1f})")
        print(
            f"{group:6}{row['n']:5}{100 * row['right'] / row['n']:8.1f}"
            f"{reference:11.1f}   {'  '.join(cells)}"
        )


def _print_misses(
    answers: list[tuple[Record, str, NextVersion | None]],
) -> None:
    for record, group, answer in answers:
        if answer is not None and answer.bump != record["bump"]:
            print(
                group, record["repo"], record["prev"], "->", record["tag"],
                record["bump"], "proposed", answer.bump, answer.confidence,
            )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

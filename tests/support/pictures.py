"""Pictures for the documentation, from runs against the sandbox.

``python -m tests.support.pictures [DIRECTORY]`` draws them into
``docs/images``. What is drawn is what the program told; only the sandbox's
addresses are written as GitHub's, so that pictures stay the same.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from rsp_release.models import Event, Result, StepEvent, WorkflowRun
from tests.support.picture import export_svg

from .service import serve
from .watching import CI, TAG, Scene, SharedClock, open_scene

__all__ = ["draw_all", "record"]

_FASTER = 2.0
"""How much faster than the program a recording is."""

_BRIEF = 0.4
"""Seconds that a picture of a recording is to be seen at least."""

_LONG = 2.0
"""Seconds that it is to be seen at most."""

_STAYS = 5.0
"""Seconds that its last picture stays."""

_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')

_WINDOW = re.compile(r'(<rect fill="[^>]* height=")[\d.]+')
"""The height of the window that rich draws around the text."""

_LOG = """\
#12 [linux/arm64 5/9] RUN uv sync --frozen --no-default-groups
#12 41.07 error: Failed to fetch: `/simple/safir/`
#12 41.07   Caused by: operation timed out
#12 ERROR: process "/bin/sh -c uv sync --frozen" did not complete: exit code 2
ERROR: failed to solve: process did not complete successfully: exit code 2
"""

_STEPS = (
    ("Set up job", 4),
    ("Set up Docker Buildx", 9),
    ("Log in to GitHub Container Registry", 2),
    ("Build and push by digest", 170),
    ("Complete job", 1),
)


def draw_all() -> Iterator[tuple[str, str]]:
    """Draw every picture.

    Yields
    ------
    tuple of str
        The picture's name, and its SVG.
    """
    yield from _draw_release()
    with _open([_workflow()]) as scene:
        scene.watch()
        title = _title(scene)
        command = f"rsp-release watch {TAG}"
        middle = _until(scene.events, done=1, seconds=100)
        yield "watch-running", _draw(scene, middle, title, command)
        yield "watch-good", _draw(scene, scene.events, title, command)
    failing = _workflow(conclusion="failure", log=_LOG)
    with _open([failing]) as scene:
        scene.watch()
        yield "watch-failed", _draw(scene, scene.events, title, command)
    with _open([failing]) as scene:
        scene.watch(reruns=1)
        again = f"{command} --rerun-failed 1"
        middle = _until(scene.events, attempt=2, seconds=60)
        yield "watch-rerun", _draw(scene, middle, title, again)
    with _open([_workflow(environment="production")]) as scene:
        scene.watch(timeout=500)
        waiting = [e for e in scene.events if not isinstance(e, Result)]
        yield "watch-approval", _draw(scene, waiting, title, command)


def _draw_release() -> Iterator[tuple[str, str]]:
    """Draw a whole release of the service of ``rsp-release demo``."""
    with tempfile.TemporaryDirectory() as name:
        with serve(Path(name) / "demo", clock=SharedClock()) as service:
            releaser = service.make_releaser()
            result = service.bump("minor")
            steps = releaser.steps
            events = _public(tuple(service.events), service.box)
            title = f"Release rubin-demo/stargazer {result.tag}"

    def draw(count: int) -> str:
        return export_svg(
            events[:count],
            title,
            steps=steps,
            command="rsp-release bump minor --yes",
        )

    yield "checklist", draw(len(events))
    frames = [(e.at, draw(n)) for n, e in enumerate(events, start=1)]
    yield "recording", record(frames)


def record(frames: Sequence[tuple[datetime, str]]) -> str:
    """Show pictures one after the other, for ever, without a script.

    Parameters
    ----------
    frames
        When each is true, and its SVG.

    Returns
    -------
    str
        An SVG image that refers to nothing outside itself. Whoever wants no
        motion sees the last picture alone.
    """
    kept: list[tuple[datetime, str]] = []
    for frame in frames:
        if not kept or frame[1] != kept[-1][1]:
            kept.append(frame)
    starts = [0.0]
    for (before, _), (at, _) in pairwise(kept):
        seconds = (at - before).total_seconds() / _FASTER
        starts.append(starts[-1] + min(max(seconds, _BRIEF), _LONG))
    whole = starts[-1] + _STAYS
    # All are as large as the largest, as a terminal's window is.
    sizes = [(m[1], m[2]) for _, svg in kept if (m := _SIZE.search(svg))]
    width, height = max(sizes, key=lambda size: float(size[1]))
    styles, pictures = [], []
    ends = [*starts[1:], whole]
    for number, (_, svg) in enumerate(kept):
        begin = 100 * starts[number] / whole
        end = 100 * ends[number] / whole
        is_last = number == len(kept) - 1
        shown = "visible" if is_last else "hidden"
        styles.append(
            f"#f{number} {{ visibility: {shown} }}\n"
            "@media (prefers-reduced-motion: no-preference) {"
            f" #f{number} {{ animation: f{number} {whole:.1f}s step-end"
            " infinite } }\n"
            f"@keyframes f{number} {{ 0% {{ visibility: "
            f"{'hidden' if begin else 'visible'} }}"
            f" {begin:.2f}% {{ visibility: visible }}"
            f" {end:.2f}% {{ visibility: {'visible' if is_last else 'hidden'}"
            " } }"
        )
        own = _SIZE.sub(f'viewBox="0 0 {width} {height}"', svg, count=1)
        own = _WINDOW.sub(rf"\g<1>{float(height) - 2:g}", own, count=1)
        own = own.replace("rsp-release-", f"f{number}-")
        pictures.append(own.replace("<svg ", f'<svg id="f{number}" ', 1))
    head = (
        f'<svg viewBox="0 0 {width} {height}"'
        ' xmlns="http://www.w3.org/2000/svg" role="img">'
    )
    style = "<style>\n" + "\n".join(styles) + "\n</style>"
    return "\n".join([head, style, *pictures, "</svg>", ""])


class _open:  # noqa: N801
    """Open a scene in a directory that is removed with it."""

    def __init__(self, workflows: Sequence[dict[str, Any]]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._scene = open_scene(
            Path(self._folder.name), workflows, past=[_workflow()]
        )

    def __enter__(self) -> Scene:
        self._folder.__enter__()
        return self._scene.__enter__()

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036
        self._scene.__exit__(*error)
        self._folder.__exit__(*error)


def _workflow(
    *,
    conclusion: str = "success",
    log: str | None = None,
    environment: str | None = None,
) -> dict[str, Any]:
    steps = [{"name": n, "seconds": s} for n, s in _STEPS]
    build = {"needs": ["test"], "steps": steps, "queued": 4}
    arm = {
        "name": "build / build (linux/arm64)",
        "conclusion": conclusion,
        "failing_step": "Build and push by digest",
        "log": log,
    }
    return {
        "path": CI,
        "name": "CI",
        "jobs": [
            {"name": "test", "seconds": 95, "queued": 3},
            {**build, "name": "build / build (linux/amd64)"},
            {**build, **arm, "environment": environment},
            {
                "name": "build / merge",
                "needs": [
                    "build / build (linux/amd64)",
                    "build / build (linux/arm64)",
                ],
                "seconds": 20,
            },
        ],
    }


def _title(scene: Scene) -> str:
    return f"Publication of rubin-demo/stargazer {TAG}"


def _until(
    events: Sequence[Event],
    *,
    seconds: float,
    done: int = 0,
    attempt: int = 1,
) -> list[Event]:
    """Return the events until some time after a moment of the run."""
    since = None
    for number, event in enumerate(events):
        run = _run_of(event)
        if run is None or run.attempt < attempt:
            continue
        over = sum(job.status == "completed" for job in run.jobs)
        if since is None and run.jobs and over >= done:
            since = event.at
        if since and (event.at - since).total_seconds() >= seconds:
            return list(events[: number + 1])
    raise ValueError("the run has no such moment")


def _run_of(event: Event) -> WorkflowRun | None:
    if isinstance(event, StepEvent):
        return getattr(event.verdict, "run", None)
    return None


def _draw(
    scene: Scene, events: Sequence[Event], title: str, command: str
) -> str:
    return export_svg(
        _public(tuple(events), scene.box),
        title,
        steps=[("workflow_run", "Workflow run")],
        command=command,
    )


def _public(value: Any, box: Any) -> Any:
    """Write the addresses of the sandbox as those of GitHub."""
    if isinstance(value, str):
        return value.replace(box.server_url, "https://github.com")
    if isinstance(value, tuple):
        return tuple(_public(each, box) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: _public(getattr(value, each.name), box)
            for each in fields(value)
        }
        if "mirror" in changed:
            changed["mirror"] = None
        return replace(value, **changed)
    return value


def main(arguments: Sequence[str]) -> int:
    """Draw the pictures into a directory."""
    folder = Path(arguments[0] if arguments else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in draw_all():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{folder / name}.svg\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

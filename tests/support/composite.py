"""An imitation of GitHub's runner, for the steps of a composite action.

It knows what `action.yml` uses: ``run`` steps of bash, ``uses`` steps that
are imitated, expressions that name one value or compare two, and
the files for outputs and the summary.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ..views.hostile import outputs_read

__all__ = ["Composite", "JobResult", "environment_of"]

# What would have another program run than the one that was installed.
_DROPPED = frozenset({"GITHUB_TOKEN", "PYTHONPATH", "VIRTUAL_ENV"})

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What a job leaves."""

    exit_status: int
    outputs: dict[str, str]
    log: str
    summary: str
    uses: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Composite:
    """A composite action on a machine.

    Attributes
    ----------
    action
        The directory of the action.
    folder
        The machine's directory.
    environ
        The environment of every step.
    github
        The ``github`` context.
    skipped
        Names of steps that were done on this machine before.
    masks
        What the log must not show, as the job's steps asked.
    """

    action: Path
    folder: Path
    environ: dict[str, str]
    github: dict[str, str]
    skipped: frozenset[str] = frozenset()
    masks: set[str] = field(default_factory=set)

    def run(
        self, inputs: Mapping[str, str], *, until: str | None = None
    ) -> JobResult:
        """Run the action's steps in order, until one fails.

        Parameters
        ----------
        inputs
            The inputs, with ``_`` for ``-``.
        until
            What the last step says when it is cancelled: SIGTERM, and
            SIGKILL some seconds later.
        """
        text = (self.action / "action.yml").read_text(encoding="utf-8")
        document = YAML(typ="safe").load(text)
        contexts: dict[str, Any] = {
            "github": self.github,
            "runner": {
                "temp": str(self.folder), "os": "Linux", "arch": "X64",
            },
            "steps": {},
        }  # fmt: skip
        given = {k.replace("_", "-"): v for k, v in inputs.items()}
        assert set(given) <= set(document["inputs"])
        contexts["inputs"] = {
            name: given.get(name, _fill(spec.get("default", ""), contexts))
            for name, spec in document["inputs"].items()
        }
        log, used, status = "", [], 0
        summary = self.folder / "summary.md"
        summary.write_text("", encoding="utf-8")
        steps = document["runs"]["steps"]
        for step in steps:
            outputs: dict[str, str] = {}
            if "uses" in step:
                used.append(step["uses"])
                outputs = self._use(step["uses"])
            elif step["name"] not in self.skipped:
                # An action's steps have to name it.
                assert step["shell"] == "bash"
                is_last = step is steps[-1]
                status, said, outputs = self.run_step(
                    step, contexts, until if is_last else None
                )
                log += said
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}
            if status:
                break
        return JobResult(
            exit_status=status,
            outputs={
                name: _fill(spec["value"], contexts)
                for name, spec in document["outputs"].items()
            },
            log=log,
            summary=summary.read_text(encoding="utf-8"),
            uses=used,
        )

    def _use(self, name: str) -> dict[str, str]:
        if name.startswith("actions/setup-python@"):
            return {"python-path": sys.executable}
        assert name.startswith("actions/cache@"), name
        return {"cache-hit": "false"}

    def run_step(
        self,
        step: Mapping[str, Any],
        contexts: Mapping[str, Any],
        until: str | None = None,
    ) -> tuple[int, str, dict[str, str]]:
        """Run a step of bash; return status, log and outputs.

        Parameters
        ----------
        step
            The step, as it is written.
        contexts
            What expressions may name.
        until
            What it says when it is cancelled.
        """
        # What the runner makes of `bash`, and of no shell at all.
        strict = ["-o", "pipefail"] if step.get("shell") == "bash" else []
        # What others can write must never become part of a script.
        assert "${{" not in step["run"]
        script = self.folder / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        output = self.folder / "output.txt"
        output.write_text("", encoding="utf-8")
        own = {k: _fill(v, contexts) for k, v in step.get("env", {}).items()}
        where = _fill(step.get("working-directory", "."), contexts)
        workspace = Path(self.environ["GITHUB_WORKSPACE"])
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e", *strict, script],
            cwd=workspace / where,
            env={
                **self.environ,
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(self.action),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
                "RUNNER_TEMP": str(self.folder),
                **own,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="surrogateescape",
        ) as process:
            said = _cancel(process, until) if until else ""
            said += process.communicate(timeout=180)[0]
        text = output.read_text(encoding="utf-8")
        return process.returncode, self._obey_masks(said), outputs_read(text)

    def _obey_masks(self, said: str) -> str:
        """Hide what the job asked to hide, and that it asked."""
        kept = []
        for line in said.splitlines(keepends=True):
            if line.startswith("::add-mask::"):
                self.masks.add(line.rstrip("\n").removeprefix("::add-mask::"))
            else:
                kept.append(line)
        shown = "".join(kept)
        for secret in sorted(self.masks, key=len, reverse=True):
            shown = shown.replace(secret, "***")
        return shown


def _cancel(process: subprocess.Popen[str], until: str) -> str:
    """Cancel a step once it has said something, as a runner does."""
    assert process.stdout is not None
    said = ""
    while until not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGTERM)
    killer = threading.Timer(7.5, process.kill)
    killer.start()
    said += process.stdout.read()
    killer.cancel()
    return said


def _fill(text: str, contexts: Mapping[str, Any]) -> str:
    """Fill in the expressions of a text."""

    def value(match: re.Match[str]) -> str:
        words = re.split(" (==|!=) ", match[1])
        left, comparison, right = [*words, "", ""][:3]
        found = _find(left, contexts)
        if not comparison:
            return found
        is_same = found == _find(right, contexts)
        return json.dumps(is_same == (comparison == "=="))

    return _EXPRESSION.sub(value, str(text))


def _find(name: str, contexts: Mapping[str, Any]) -> str:
    found: Any = contexts
    for part in name.split("."):
        # A value that is missing is empty, but not a whole context.
        found = found.get(part, {} if found is contexts["steps"] else "")
        if found == {} and part != "outputs":
            found = {"outputs": {}}
    return "" if isinstance(found, dict) else str(found)


def environment_of(base: Mapping[str, str], workspace: Path) -> dict[str, str]:
    """Make the environment of a job from that of a service."""
    return {
        **{k: v for k, v in base.items() if k not in _DROPPED},
        "GITHUB_WORKSPACE": str(workspace),
        **{k: v for k, v in os.environ.items() if k.startswith("PIP_")},
    }

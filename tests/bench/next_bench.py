"""Measures ``next`` against git itself and against its peers.

Run as ``python -m tests.bench.next_bench``. The floor is what git needs for
``git describe --tags --abbrev=0`` and then ``git log TAG..HEAD``. Peers that
are not installed are left out, with the reason. Options: ``--sizes`` takes
rows such as ``1000/10000/10`` (unreleased commits, all commits, tags),
``--runs`` how often each is run.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Size", "main", "make_repository"]


class Size(NamedTuple):
    """The size of a made-up history."""

    unreleased: int
    commits: int
    tags: int


SIZES = (
    Size(10, 100, 5),
    Size(1_000, 10_000, 100),
    Size(10_000, 100_000, 100),
    Size(100_000, 200_000, 100),
    Size(1_000, 20_000, 10_000),
    Size(1_000, 100_000, 100_000),
    Size(1_000_000, 1_010_000, 10),
)

# Words of a usual history: about one commit in five adds something.
_SUBJECTS = (
    "fix: handle an empty answer of the archive",
    "chore(deps): update dependency requests to v2.32.4",
    "docs: describe how tokens are renewed",
    "feat(api): list the quota of a user",
    "refactor: move the cache behind the storage layer",
)

_BODY = (
    "The archive answers with an empty body where a dataset was withdrawn,"
    "\nand that was taken for a failure. It is an answer like any other now."
    "\n\nCloses: #{number}"
)

_PEERS_SETTINGS = b"""\
[tool.commitizen]
name = "cz_conventional_commits"
version_provider = "scm"
tag_format = "$version"
[tool.semantic_release]
tag_format = "{version}"
"""

# Seconds after which a peer is not waited for any longer.
_PATIENCE = 300.0


def make_repository(path: Path, size: Size) -> None:
    """Make a repository with a straight history of that size.

    Parameters
    ----------
    path
        Where; it must not exist.
    size
        How many commits and tags.
    """
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    with subprocess.Popen(
        ["git", "-C", str(path), "fast-import", "--quiet"],
        stdin=subprocess.PIPE,
    ) as process:
        if process.stdin is None:
            raise AssertionError
        process.stdin.writelines(_stream(size))
        process.stdin.close()
    if process.returncode:
        raise RuntimeError("git fast-import failed")
    subprocess.run(["git", "-C", str(path), "pack-refs", "--all"], check=True)
    url = "https://github.com/example/example.git"
    subprocess.run(
        ["git", "-C", str(path), "remote", "add", "origin", url], check=True
    )
    subprocess.run(
        ["git", "-C", str(path), "reset", "-q", "--hard"], check=True
    )


def _stream(size: Size) -> Iterator[bytes]:
    released = size.commits - size.unreleased
    who = b"A Person <person@example.com>"
    start = 1_600_000_000
    for number in range(1, size.commits + 1):
        subject = _SUBJECTS[number % len(_SUBJECTS)]
        body = _BODY.format(number=number)
        message = f"{subject} {number}\n\n{body}\n".encode()
        yield b"commit refs/heads/main\nmark :%d\n" % number
        yield b"committer %s %d +0000\n" % (who, start + number)
        yield b"data %d\n%s" % (len(message), message)
        content = b"%d\n" % number
        yield b"M 100644 inline file-%d.txt\n" % (number % 10)
        yield b"data %d\n%s\n" % (len(content), content)
        if number == 1:
            content = _PEERS_SETTINGS
            yield b"M 100644 inline pyproject.toml\n"
            yield b"data %d\n%s\n" % (len(content), content)
            content = b'{"name": "example", "version": "0.0.0"}\n'
            yield b"M 100644 inline package.json\n"
            yield b"data %d\n%s\n" % (len(content), content)
    # The newest tag is at the last released commit; versions rise with it.
    for tag in range(size.tags):
        at = max(1, released - (size.tags - 1 - tag) * released // size.tags)
        name = f"1.{tag // 100}.{tag % 100}"
        yield b"reset refs/tags/%s\nfrom :%d\n\n" % (name.encode(), at)


class _Timing(NamedTuple):
    seconds: float
    answer: str


def _time(
    command: list[str], where: Path, runs: int, env: dict[str, str]
) -> _Timing | str:
    """Run a command some times; return the median, or why not."""
    seconds = []
    answer = ""
    for _ in range(runs):
        start = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                cwd=where,
                env=env,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"more than {_PATIENCE:.0f} s"
        seconds.append(time.perf_counter() - start)
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines()
            return f"failed: {words[-1][:60] if words else done.returncode}"
        lines = done.stdout.strip().splitlines()
        answer = lines[-1] if lines else ""
        if seconds[0] > 30:
            break
    return _Timing(statistics.median(seconds), answer[:30])


def _peers(where: Path) -> dict[str, list[str] | str]:
    """Return the peers' commands, or the reason why one is left out."""
    found: dict[str, list[str] | str] = {}
    for name, arguments in (
        ("git-cliff", ["--bumped-version", "-u"]),
        ("cz", ["bump", "--dry-run", "--get-next", "--yes"]),
        ("semantic-release", ["--noop", "version", "--print"]),
        ("conventional-recommended-bump", ["-p", "angular"]),
    ):
        program = shutil.which(name)
        if program is None:
            found[name] = "not installed"
        else:
            found[name] = [program, *arguments]
    return found


def _memory(command: list[str], where: Path, env: dict[str, str]) -> int:
    """Return the largest memory of a command itself, in KiB."""
    code = (
        "import runpy, sys\n"
        "sys.argv = ['rsp-release', *sys.argv[1:]]\n"
        "try:\n"
        "    runpy.run_module('rsp_release', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        # Not getrusage: what it says survives from before the exec.
        "for line in open('/proc/self/status'):\n"
        "    if line.startswith('VmHWM'):\n"
        "        print(line.split()[1], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=where,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stderr.strip().splitlines()[-1])


def _row(size: Size, where: Path, runs: int) -> bool:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "NO_COLOR": "1"}
    tag = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0"],
        cwd=where,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    script = f"git describe --tags --abbrev=0 && git log {tag}..HEAD"
    floor = _time(["sh", "-c", f"{script} > {os.devnull}"], where, runs, env)
    own = _time(["rsp-release", "next"], where, runs, env)
    if isinstance(floor, str) or isinstance(own, str):
        print(f"failed: floor {floor}, next {own}")
        return False
    alone = _time(["rsp-release"], where, runs, env)
    if isinstance(alone, str):
        print(f"failed: rsp-release alone {alone}")
        return False
    kept = own.seconds <= floor.seconds + 0.1
    is_quick = alone.seconds <= own.seconds + 0.1
    memory = _memory(["next"], where, env) / 1024
    print(
        f"\n{size.unreleased:,} unreleased of {size.commits:,} commits,"
        f" {size.tags:,} tags"
    )
    print(f"  {'floor':32}{floor.seconds:9.3f} s   1.00 x")
    print(
        f"  {'rsp-release next':32}{own.seconds:9.3f} s"
        f"{own.seconds / floor.seconds:7.2f} x   {own.answer}"
        f"   {memory:.0f} MB   "
        f"{'within' if kept else 'ABOVE'} floor + 0.1 s"
    )
    print(
        f"  {'rsp-release':32}{alone.seconds:9.3f} s"
        f"{alone.seconds / floor.seconds:7.2f} x   "
        f"{'within' if is_quick else 'ABOVE'} next + 0.1 s"
    )
    for name, command in _peers(where).items():
        result = (
            command
            if isinstance(command, str)
            else _time(command, where, min(runs, 3), env)
        )
        if isinstance(result, str):
            print(f"  {name:32}{result}")
        else:
            print(
                f"  {name:32}{result.seconds:9.3f} s"
                f"{result.seconds / floor.seconds:7.2f} x   {result.answer}"
                f"   {result.seconds / own.seconds:.1f} x next"
            )
    return kept and is_quick


def _startup(runs: int) -> None:
    env = dict(os.environ)
    here = Path.cwd()
    bare = _time([sys.executable, "-c", "pass"], here, runs, env)
    version = _time(["rsp-release", "--version"], here, runs, env)
    if isinstance(bare, str) or isinstance(version, str):
        print(f"start-up failed: {bare}, {version}")
        return
    print(
        f"bare interpreter {1000 * bare.seconds:.0f} ms,"
        f" --version {1000 * version.seconds:.0f} ms"
        f" ({version.seconds / bare.seconds:.2f} x)"
    )


def main(argv: list[str]) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=[])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(argv)
    sizes = [Size(*map(int, s.split("/"))) for s in options.sizes] or SIZES
    print(subprocess.run(["git", "--version"], capture_output=True, text=True,
                         check=True).stdout.strip())  # fmt: skip
    _startup(max(options.runs, 9))
    kept = True
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder) / "repository"
            make_repository(where, size)
            kept = _row(size, where, options.runs) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

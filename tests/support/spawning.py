"""Runs the program in processes that need not import it first.

A process that has imported the program forks for every run. What is run is
a process of its own all the same, with its own environment, directory,
output and signals; only the second or so of imports is spared. The campaigns
(``RSP_RELEASE_FULL``) start the interpreter each time.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from .campaigns import choose_size

__all__ = ["run_program"]

_MESSAGE_MOST = 1 << 18
_ROOT = Path(__file__).parents[2]


def run_program(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run the program, without a terminal.

    Parameters
    ----------
    arguments
        The arguments, without the program's name.
    cwd
        The directory to run it in.
    environ
        The whole environment.
    timeout
        Seconds after which it is killed.

    Returns
    -------
    subprocess.CompletedProcess of str
        How it ended, and what it said.
    """
    command = [sys.executable, "-m", "rsp_release", *arguments]
    if choose_size(1, 0) or not _can_fork(environ):
        return subprocess.run(
            command, cwd=cwd, env=environ, check=False, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=timeout,
        )  # fmt: skip
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            request = {"arguments": [*arguments], "cwd": str(cwd)}
            message = json.dumps(request | {"environ": dict(environ)})
            fds = [stdout.fileno(), stderr.fileno(), theirs.fileno()]
            socket.send_fds(_server(), [message.encode()], fds)
            theirs.close()
            ours.settimeout(timeout)
            said = ours.makefile("r", encoding="ascii")
            pid = int(said.readline())
            try:
                status = said.readline()
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout) from None
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            command,
            # Nothing is said by who was killed.
            int(status or -signal.SIGKILL),
            stdout.read().decode(),
            stderr.read().decode(),
        )


def _can_fork(environ: Mapping[str, str]) -> bool:
    """Return whether an interpreter would start in the same way."""
    names = {n for n in {*environ, *os.environ} if n.startswith("PYTHON")}
    names -= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    return hasattr(socket, "SOCK_SEQPACKET") and all(
        environ.get(name) in (None, os.environ.get(name)) for name in names
    )


@cache
def _server() -> socket.socket:
    """Start what forks, once for each process that tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def stop() -> None:
        ours.close()
        process.wait(timeout=10)

    atexit.register(stop)
    return ours


def _import_all() -> None:
    import rsp_release

    for module in pkgutil.walk_packages(rsp_release.__path__, "rsp_release."):
        if not module.name.startswith("rsp_release._"):
            importlib.import_module(module.name)
    for name in ("git", "github", "requests", "rich.console", "ruamel.yaml"):
        importlib.import_module(name)


def _serve(requests: socket.socket) -> None:
    """Fork for every request, until nobody can send one."""
    _import_all()
    # Nobody waits for the processes.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(requests, _MESSAGE_MOST, 3)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(json.loads(message), *fds)
        for fd in fds:
            os.close(fd)


def _become(
    request: Mapping[str, object], stdout: int, stderr: int, answers: int
) -> None:
    """Become the program; end with its exit status."""
    from rsp_release.__main__ import main

    os.setsid()
    os.write(answers, b"%d\n" % os.getpid())
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for fd in (stdout, stderr):
        os.close(fd)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    environ, arguments = request["environ"], request["arguments"]
    assert isinstance(environ, dict)
    assert isinstance(arguments, list)
    os.environ.update(environ)
    sys.argv = ["rsp-release", *arguments]
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), "utf-8")
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w"), "utf-8", "backslashreplace", line_buffering=True
    )
    status = 1
    try:
        status = main()
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else 1
    finally:
        with contextlib.suppress(ValueError):
            sys.stdout.flush()
        with contextlib.suppress(ValueError):
            sys.stderr.flush()
        os.write(answers, b"%d\n" % status)
        os._exit(status)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        _serve(listening)

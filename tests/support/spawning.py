"""Runs the program in processes that need not import it first.

A process that has imported the program forks for every run. What is run is
a process of its own all the same, with its own environment, directory,
output and signals; only the second or so of imports is spared, and what it
would sleep where it is given a clock. The campaigns (``RSP_RELEASE_FULL``)
start the interpreter each time, on the machine's own clock.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO
from unittest.mock import patch

from .campaigns import choose_size
from .clocks import LeapingClock

__all__ = ["Program", "run_program", "start_program"]

_MESSAGE_MOST = 1 << 18
_ROOT = Path(__file__).parents[2]


class Program:
    """The program, as a process that has begun.

    Parameters
    ----------
    pid
        Its number.
    await_end
        Waits so many seconds for its end; returns its exit status.
    stdout
        What it writes there.
    stderr
        The same.
    """

    def __init__(
        self,
        pid: int,
        await_end: Callable[[float], int],
        stdout: IO[bytes],
        stderr: IO[bytes],
    ) -> None:
        self.pid = pid
        self._await_end = await_end
        self._stdout = stdout
        self._stderr = stderr
        self._status: int | None = None

    def wait(self, timeout: float = 120.0) -> int:
        """Wait for its end; return its exit status.

        Raises
        ------
        TimeoutError
            Raised if that took longer than ``timeout`` seconds.
        """
        if self._status is None:
            self._status = self._await_end(timeout)
        return self._status

    def send_signal(self, number: int) -> None:
        """Send it a signal, where it has not ended."""
        try:
            self.wait(0.0)
        except TimeoutError:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def read(self) -> tuple[str, str]:
        """Return what it has said: standard output and error."""
        said = []
        for file in (self._stdout, self._stderr):
            file.seek(0)
            said.append(file.read().decode())
        return said[0], said[1]


@contextmanager
def start_program(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    clock: LeapingClock | None = None,
) -> Iterator[Program]:
    """Start the program, without a terminal; kill it in the end.

    Parameters
    ----------
    arguments
        The arguments, without the program's name.
    cwd
        The directory to run it in.
    environ
        The whole environment.
    clock
        Its clock; by default the machine's own.

    Yields
    ------
    Program
        The program.
    """
    starts = choose_size(1, 0) or not _can_fork(environ)
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        if starts:
            pid, await_end = _start(arguments, cwd, environ, stdout, stderr)
        else:
            request = {
                "arguments": [*arguments],
                "cwd": str(cwd),
                "environ": dict(environ),
                "clock": str(clock.path) if clock is not None else None,
            }
            pid, await_end = _fork(request, stdout, stderr)
        program = Program(pid, await_end, stdout, stderr)
        try:
            yield program
        finally:
            program.kill()


def _start(
    arguments: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> tuple[int, Callable[[float], int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "rsp_release", *arguments],
        cwd=cwd, env=environ, stdin=subprocess.DEVNULL,
        stdout=stdout, stderr=stderr, start_new_session=True,
    )  # fmt: skip

    def await_end(seconds: float) -> int:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None

    return process.pid, await_end


def _fork(
    request: Mapping[str, object], stdout: IO[bytes], stderr: IO[bytes]
) -> tuple[int, Callable[[float], int]]:
    ours, theirs = socket.socketpair()
    fds = [stdout.fileno(), stderr.fileno(), theirs.fileno()]
    with theirs:
        socket.send_fds(_server(), [json.dumps(request).encode()], fds)
    ours.settimeout(60.0)
    pid = int.from_bytes(ours.recv(4), "big")

    def await_end(seconds: float) -> int:
        if not select.select([ours], [], [], seconds)[0]:
            raise TimeoutError
        with ours:
            # Nothing is said by who was killed.
            return (ours.recv(1) or [-signal.SIGKILL])[0]

    return pid, await_end


def run_program(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    timeout: float,
    clock: LeapingClock | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the program until it ends; see `start_program`.

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
    clock
        Its clock; by default the machine's own.

    Returns
    -------
    subprocess.CompletedProcess of str
        How it ended, and what it said.
    """
    with start_program(
        arguments, cwd=cwd, environ=environ, clock=clock
    ) as program:
        status = program.wait(timeout)
        return subprocess.CompletedProcess(arguments, status, *program.read())


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
    for name in (
        "git", "github", "requests", "rich.console", "ruamel.yaml", "tomllib",
        # What typer imports with the first command.
        "pydantic.type_adapter", "pydantic.types", "zoneinfo",
    ):  # fmt: skip
        with suppress(ModuleNotFoundError):
            importlib.import_module(name)


def _reap(*_: object) -> None:
    """Wait for who has ended, so that the time it took is counted."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve(requests: socket.socket) -> None:
    """Fork for every request, until nobody can send one."""
    _import_all()
    # No fork looks through what all of them share.
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
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
    # What the program starts may outlive it.
    os.set_inheritable(answers, False)
    os.write(answers, os.getpid().to_bytes(4, "big"))
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
    if request["clock"] is not None:
        _share_clock(LeapingClock(Path(str(request["clock"]))))
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
        with suppress(ValueError):
            sys.stdout.flush()
        with suppress(ValueError):
            sys.stderr.flush()
        os.write(answers, bytes([status]))
        os._exit(status)


def _share_clock(clock: LeapingClock) -> None:
    """Let this process's program, and a sandbox that it starts, have it."""
    patch.multiple(
        "rsp_release.factory.SystemClock",
        now=lambda _: clock.now(),
        sleep=lambda _, seconds: clock.sleep(seconds),
    ).start()
    # The sandbox's clock tells the time alone.
    patch("rsp_sandbox.base.SystemClock.now", lambda _: clock.now()).start()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        _serve(listening)

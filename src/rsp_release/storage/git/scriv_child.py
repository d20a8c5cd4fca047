"""Scriv, in a process of its own that keeps it to the files given to it.

Its settings and templates are those of a branch, which may be anybody's. So
nothing outside of the working directory is opened, and no link in it; its
templates reach data alone; and no program is run, unless it was said that
the repository is trusted.

It is run by its path, reads what it is to do as JSON, and writes JSON.
"""

# Where files are opened, paths have to be known as strings; and scriv has its
# options in a private attribute.
# ruff: noqa: PTH118, SLF001

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

_MODULES = (".py", ".pyc", ".so", ".pyd")

_PROGRAMS = (
    "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn",
    "os.fork", "os.startfile", "pty.", "ctypes.", "socket.",
)  # fmt: skip
"""How the names of events begin in which something else would act."""

_FILES = {
    "open", "os.chmod", "os.chown", "os.link", "os.listdir", "os.mkdir",
    "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.symlink",
    "os.truncate", "os.utime",
}  # fmt: skip
"""Events whose first arguments are paths."""


class _LeftOut(Exception):  # noqa: N818
    """A setting runs a command, which is not run."""


class Guard:
    """Keeps this process to the files of its working directory.

    Parameters
    ----------
    links
        What git has as symbolic links there.
    trusts
        Whether settings may run commands.
    """

    def __init__(self, links: list[str], *, trusts: bool) -> None:
        self._here = os.path.realpath(os.curdir)
        self._links = {os.path.join(self._here, link) for link in links}
        self._libraries = tuple(
            os.path.join(os.path.realpath(path), "") for path in sys.path
        )
        self._trusts = trusts
        self._runs = False
        sys.addaudithook(self._look)

    def run(self, command: Callable[[str], Any], line: str) -> Any:
        """Run a command of the settings."""
        if not self._trusts:
            raise _LeftOut
        self._runs = True
        try:
            return command(line)
        finally:
            self._runs = False

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _FILES:
            for path in args[: 2 if event in {"os.link", "os.rename"} else 1]:
                if isinstance(path, (str, bytes, os.PathLike)):
                    reads = event == "open" and "r" in str(args[1] or "r")
                    self._check(os.fsdecode(path), reads=reads)
        elif event.startswith(_PROGRAMS) and not self._runs:
            _refuse("runs", event)

    def _check(self, path: str, *, reads: bool) -> None:
        place = os.path.normpath(os.path.join(self._here, path))
        real = os.path.realpath(place)
        for link in self._links:
            if link in (place, real):
                _refuse("link", os.path.relpath(link, self._here))
        inside = real == self._here or real.startswith(
            os.path.join(self._here, "")
        )
        is_module = reads and real.endswith(_MODULES)
        if inside or real == os.devnull:
            return
        if not (is_module and real.startswith(self._libraries)):
            _refuse("outside", path)


def _refuse(why: str, what: str) -> None:
    """End at once, with what was tried: no handler keeps that from being."""
    sys.exit(f"rsp-release: {why} {json.dumps(what)[1:-1]}")


def main() -> None:
    """Do what standard input says."""
    asked = json.load(sys.stdin)

    import scriv.changelog  # type: ignore[import-untyped]
    from scriv.collect import collect  # type: ignore[import-untyped]
    from scriv.config import Config  # type: ignore[import-untyped]

    _prepare_templates(Config)
    _prepare_clock(datetime.fromisoformat(asked["at"]))
    guard = Guard(asked["links"], trusts=asked["trusts"])
    left_out = _prepare_commands(Config, guard)
    if asked["unchecked"]:
        scriv.changelog.Changelog.entries = lambda self: {}
    status: Any = 0
    found = {}
    try:
        if asked["version"] is None:
            found["categories"] = list(Config.read().categories)
        else:
            collect.main(
                ["--version", asked["version"], "--no-add", "--no-edit"],
                prog_name="scriv",
            )
    except SystemExit as e:
        status = e.code
    json.dump({**found, "left_out": left_out}, sys.stdout)
    sys.exit(status)


def _prepare_commands(config_type: Any, guard: Guard) -> list[str]:
    """Have commands of settings run by the guard, or else left out.

    Returns the names of those settings, as they are met.
    """
    import scriv.config

    left_out: list[str] = []
    command = scriv.config.run_shell_command
    scriv.config.run_shell_command = lambda line: guard.run(command, line)
    value_of = config_type.__getattr__

    def read_setting(config: Any, name: str) -> Any:
        try:
            return value_of(config, name)
        except _LeftOut:
            left_out.append(name)
        defaults = config_type(post_create_=False)._options
        setattr(config._options, name, getattr(defaults, name))
        config._options.post_create()
        return value_of(config, name)

    config_type.__getattr__ = read_setting
    return left_out


def _prepare_templates(config_type: Any) -> None:
    """Have templates rendered in a sandbox, where settings are data alone."""
    import scriv.changelog
    from jinja2.sandbox import SandboxedEnvironment

    sandbox = SandboxedEnvironment()
    names = vars(config_type(post_create_=False)._options)

    class Settings:
        def __init__(self, config: Any) -> None:
            self.__config = config

        def __getattr__(self, name: str) -> Any:
            if name not in names:
                raise AttributeError(name)
            return getattr(self.__config, name)

    def make_template(source: str) -> SimpleNamespace:
        template = sandbox.from_string(source)
        return SimpleNamespace(
            render=lambda config, **values: template.render(
                config=Settings(config), **values
            )
        )

    scriv.changelog.jinja2 = SimpleNamespace(Template=make_template)


def _prepare_clock(at: datetime) -> None:
    """Have scriv date an entry with another time than the present.

    What a release was proposed with counts, so that the entry is the same
    whenever it is made again.
    """
    import scriv.changelog

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # type: ignore[explicit-override]
            return at

    scriv.changelog.datetime = SimpleNamespace(datetime=Fixed)


if __name__ == "__main__":
    main()

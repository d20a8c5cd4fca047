"""The entry point: quick answers at once, all else by the command line.

``--version`` is answered with nothing imported, and ``next`` with plain
arguments without the library for commands: importing that takes longer than
reading the history of most repositories.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv
        The arguments, without the program's name; those of the process where
        not given.

    Returns
    -------
    int
        The exit status.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:
        from . import __version__

        sys.stdout.write(f"rsp-release {__version__}\n")
        return 0
    options = _plain_next(arguments)
    if options is not None:
        return _print_errors("run_next", options)
    alone = _plain_overview(arguments)
    if alone is not None:
        return _print_errors("run_overview", alone)
    from .cli.app import main as cli

    return cli(arguments)


def _plain_next(arguments: list[str]) -> dict[str, object] | None:
    """Read ``next`` and its arguments, unless anything is out of the plain."""
    flags = {"--why": "why", "--json": "as_json", "--deepen": "deepen"}
    options: dict[str, object] = {}
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in flags and words:
            options[flags[word]] = True
        elif (word == "--pre" and words) or word == "-C":
            value = next(rest, "")
            if not value or value.startswith("-"):
                return None
            options["pre" if word == "--pre" else "directory"] = value
        elif word.startswith("-"):
            return None
        else:
            words.append(word)
    if words[:1] != ["next"] or len(words) > 2:
        return None
    if len(words) == 2:
        options["part"] = words[1]
    return options


def _plain_overview(arguments: list[str]) -> dict[str, object] | None:
    """Read the arguments of the program alone, where it is in a clone."""
    if arguments and (len(arguments) != 2 or arguments[0] != "-C"):
        return None
    # A shell that completes what is typed says so in the environment alone.
    if "_RSP_RELEASE_COMPLETE" in os.environ:
        return None
    from .settings_file import find_toplevel

    directory = arguments[1] if arguments else "."
    return {"directory": directory} if find_toplevel(directory) else None


def _print_errors(name: str, options: dict[str, object]) -> int:
    from .exceptions import ReleaseError

    directory = str(options.pop("directory", "."))
    try:
        if name == "run_overview":
            from .cli.overview import run_overview

            return run_overview(directory)
        from .cli.next import run_next

        return run_next(directory=directory, **options)  # type: ignore[arg-type]
    except ReleaseError as exc:
        sys.stderr.write(f"rsp-release: {exc.message}\n")
        if exc.help:
            sys.stderr.write(f"  {exc.help}\n")
        return int(exc.exit_status)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

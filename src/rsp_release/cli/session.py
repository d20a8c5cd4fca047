"""What commands share: settings, adapters, the view, and errors."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import (
    Any,
    Concatenate,
    Literal,
    NamedTuple,
    ParamSpec,
    TextIO,
    TypeAlias,
)

from ..config import load_config
from ..engine.journal import lock
from ..exceptions import ExitStatus, ReleaseError, UsageError
from ..factory import Factory, SystemClock
from ..models import Choice, Event, Notice, Result
from ..release.conclusion import OUTCOMES
from ..release.plan import Options
from ..release.releaser import Releaser
from ..storage.server import find_server_url
from ..views import choose_kind, make_view, safe
from ..views.progress import Progress

__all__ = [
    "Again",
    "Globals",
    "Page",
    "Session",
    "parse_duration",
    "print_error",
    "shows_errors",
]

P = ParamSpec("P")
"""The parameters of a command."""

Page: TypeAlias = Literal["github_release", "workflow_run", "chart_pr"]
"""A page that can be opened, as the key of the step that knows it."""

_PAGES: dict[Page, str] = {
    "github_release": "release_url",
    "workflow_run": "run_url",
    "chart_pr": "deploy_url",
}
"""Where the result has the address of each."""

_DURATION = re.compile(
    r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    """Options that stand before the command."""

    directory: Path = Path()
    """A directory of the clone."""

    repository: str | None = None
    """Owner and name on GitHub, where a person named them."""

    remote: str = "origin"
    """The git remote."""

    no_color: bool = False
    """Whether to do without colours."""

    verbose: bool = False
    """Whether to show tracebacks."""

    is_rehearsed: bool = False
    """Whether the clone is a copy of one that may be anybody's."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """The environment."""


class Again(NamedTuple):
    """What to run after a command that could not end."""

    command: str
    """What does it once more, as long as nothing of it was begun."""

    find_resume: Callable[[], str | None] = lambda: None
    """Returns what goes on with what was begun, if anything was."""

    untouched: str = "nothing was written"
    """How that is said where nothing was."""

    def advise(self) -> tuple[bool, str]:
        """Return whether something was begun, and what to run."""
        try:
            resume = self.find_resume()
        except ReleaseError:
            # The journal cannot be read, and the command will say so.
            resume = None
        if resume is None:
            return False, f"run it again: {self.command}"
        return True, f"continue: {resume}"


class Session:
    """One command, from its options to its exit status.

    Parameters
    ----------
    options
        Options that stand before the command.
    asked
        What the command was asked for; whether anybody is asked is seen here.
    as_json
        Whether the output is JSON alone.

    Raises
    ------
    UsageError
        Raised if what was asked for contradicts itself.
    """

    def __init__(
        self,
        options: Globals,
        *,
        asked: Options | None = None,
        as_json: bool = False,
    ) -> None:
        asked = asked or Options()
        self.globals = options
        self.as_json = as_json
        self.options = replace(asked, asks=asked.asks and self.may_ask)
        if asked.leaves_late and asked.collects_late:
            raise UsageError(
                "--leave-late and --collect-late exclude each other",
                help="use one of them",
            )
        if not asked.watches and (asked.reruns or asked.approves):
            flag = "--rerun-failed" if asked.reruns else "--approve"
            raise UsageError(
                f"{flag} and --no-watch exclude each other",
                help="use one of them",
            )
        self._is_masked = False
        self._is_told = False
        self._opens: Page | None = None
        self._progress: Progress | None = None

    @cached_property
    def factory(self) -> Factory:
        """What makes the adapters."""
        config = load_config(
            self.globals.directory,
            environ=self.globals.environ,
            overrides={"repository": self.globals.repository},
        )
        return Factory(
            directory=self.globals.directory,
            remote=self.globals.remote,
            config=config,
            environ=self.globals.environ,
        )

    @property
    def may_ask(self) -> bool:
        """Whether there is a person at a terminal."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    def confirm(self, question: str) -> bool:
        """Ask a person, for whom the world does not stand still.

        Parameters
        ----------
        question
            The question.

        Returns
        -------
        bool
            Whether the answer is yes.
        """
        import typer

        self._end_waiting()
        try:
            return typer.confirm(question, default=False)
        finally:
            self.factory.look.end()

    def waiting(self, text: str) -> Progress:
        """Say what goes on, where that takes longer than a moment.

        It ends with the first that is shown or asked.

        Parameters
        ----------
        text
            What goes on, in a few words.
        """
        self._progress = Progress(sys.stderr, self.globals.environ, text)
        return self._progress

    def _end_waiting(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def change(self, **changes: Any) -> None:
        """Change some of the `Options`, which the next releaser gets."""
        self.options = replace(self.options, **changes)

    def roll_out(self, environments: Sequence[str], *, asked: bool) -> None:
        """Let the release go on to the environments, if that is asked for.

        Parameters
        ----------
        environments
            Those that were named; empty: all.
        asked
            Whether it is.

        Raises
        ------
        UsageError
            Raised if what comes before is left out.
        """
        if environments and not asked:
            raise UsageError(
                "--environment is for --rollout",
                help="`rsp-release deploy --environment E` moves a pin",
            )
        if not asked:
            return
        for flag, does in (
            ("--no-watch", self.options.watches),
            ("--no-deploy", self.options.deploys),
        ):
            if not does:
                raise UsageError(
                    f"--rollout and {flag} exclude each other",
                    help="use one of them",
                )
        chosen = tuple(dict.fromkeys(environments))
        self.change(rollout="act", environments=chosen)

    def decide(self, choice: Choice) -> None:
        """Ask what a person may decide, and let the next releaser know.

        Parameters
        ----------
        choice
            The question and its answers.
        """
        import typer

        typer.echo(safe.lines(choice.question))
        for answer, meaning in choice.answers:
            typer.echo(f"  {answer}: {safe.lines(meaning)}")
        known = [answer for answer, _ in choice.answers]
        answer = ""
        while answer not in known:
            answer = typer.prompt(
                f"{', '.join(known[:-1])} or {known[-1]}?", default=known[-1]
            )
        self.factory.look.end()
        self.change(
            leaves_late=answer == "leave",
            collects_late=answer == "collect",
            asks=answer != known[-1],
        )

    def choose(self, names: Sequence[str]) -> tuple[str, ...]:
        """Ask for some of several, until there is nothing else in the answer.

        Parameters
        ----------
        names
            What there is to choose from. Untrusted texts.

        Returns
        -------
        tuple of str
            One or more of them, each once.
        """
        import typer

        self._end_waiting()
        chosen: list[str] = []
        while not chosen or not set(chosen) <= set(names):
            said = f"Which of {', '.join(map(safe.line, names))}?"
            chosen = typer.prompt(said).replace(",", " ").split()
        self.factory.look.end()
        return tuple(dict.fromkeys(chosen))

    def open_page(self, page: Page) -> None:
        """Have a page opened in a browser, once its address is known.

        Parameters
        ----------
        page
            The page.
        """
        self._opens = page

    def _open(self, event: Event) -> None:
        """Open the page that is asked for, where an event has its address."""
        key = self._opens
        if key is None or isinstance(event, Notice):
            return
        if isinstance(event, Result):
            address = getattr(event, _PAGES[key])
        elif event.key == key:
            address = getattr(event.verdict, "url", None)
        else:
            return
        found = safe.page(address, find_server_url(self.globals.environ))
        if found is not None:
            import webbrowser

            self._opens = None
            if webbrowser.open(found):
                return
        if found or (isinstance(event, Result) and event.outcome != "planned"):
            told = f"no browser: open {found}" if found else "no page to open"
            sys.stderr.write(f"--web: {told}\n")

    def make_releaser(
        self,
        *,
        deepens: bool = False,
        offline: bool = False,
        lists: bool = False,
        **changes: Any,
    ) -> Releaser:
        """Make what carries out the command.

        Parameters
        ----------
        deepens
            Whether to complete a shallow clone first.
        offline
            Whether GitHub is not asked yet what it calls the repository.
        lists
            Whether the remote's refs are wanted for certain.
        **changes
            What differs from the session's `Options`.
        """
        if deepens:
            self.factory.deepen()
        return self.factory.make_releaser(
            replace(self.options, **changes), offline=offline, lists=lists
        )

    def lock(
        self, journals: Path, *, writes: bool = True
    ) -> AbstractContextManager[None]:
        """Let only one process write from this clone."""
        return lock(journals) if writes else nullcontext()

    def show(
        self,
        title: str,
        steps: Sequence[tuple[str, str]],
        events: Iterator[Event],
        *,
        tag: str | None = None,
        again: Again | None = None,
        stdout: TextIO | None = None,
    ) -> Result:
        """Show events until the last, whatever happens on the way.

        Parameters
        ----------
        title
            The heading.
        steps
            Key and title of each step.
        events
            The events.
        tag
            The tag that they are about.
        again
            What to run after a failure; `None`: what the failure itself says.
        stdout
            Where to show them; `None`: on standard output.

        Returns
        -------
        Result
            How it ended.
        """
        stdout = stdout or sys.stdout
        self._end_waiting()
        self.mask()
        view = make_view(
            kind=choose_kind(
                stdout=stdout,
                environ=self.globals.environ,
                as_json=self.as_json,
            ),
            title=title,
            steps=steps,
            stdout=stdout,
            stderr=sys.stderr,
            environ=self.globals.environ,
            now=SystemClock().now,
            no_color=self.globals.no_color,
        )
        if "factory" in self.__dict__:
            self.factory.heard = getattr(view, "hint", lambda _: None)
        with view:
            try:
                for text in self._take_notices():
                    view.show(Notice(text=text, at=SystemClock().now()))
                for event in events:
                    view.show(event)
                    self._open(event)
                    if isinstance(event, Result):
                        return event
            except ReleaseError as e:
                result = self._fail(e, tag, again)
                if self.globals.verbose:
                    _print_traceback(e)
            except KeyboardInterrupt:
                result = self._interrupt(tag, again)
            else:
                raise RuntimeError("the events ended without a result")
            view.show(result)
            return result

    def mask(self) -> None:
        """Have a runner hide what this program may use, and it knows not.

        On the standard error, which is seldom kept in a file.
        """
        # Where the settings are wrong, nothing was read but them.
        if (
            self._is_masked
            or not self.is_job
            or "factory" not in self.__dict__
        ):
            return
        self._is_masked = True
        from ..views.actions import mask

        sys.stderr.write(mask(self.factory.find_secrets()))
        sys.stderr.flush()

    def _take_notices(self) -> tuple[str, ...]:
        """Return what to say before all else, once."""
        # Where the settings are wrong, nothing was read but them.
        if self._is_told or "factory" not in self.__dict__:
            return ()
        self._is_told = True
        return self.factory.notices

    @property
    def is_job(self) -> bool:
        """Whether GitHub Actions runs the command."""
        return self.globals.environ.get("GITHUB_ACTIONS") == "true"

    def fail(self, error: ReleaseError, *, tag: str | None = None) -> int:
        """Show an error where no events have begun.

        Parameters
        ----------
        error
            The error.
        tag
            The tag that the command was about.

        Returns
        -------
        int
            The exit status.
        """
        if not self.as_json and not self.is_job:
            raise error
        result = self._fail(error, tag)
        self.show("", (), iter([result]), tag=tag)
        return int(result.exit_status)

    def _fail(
        self,
        error: ReleaseError,
        tag: str | None,
        again: Again | None = None,
    ) -> Result:
        help = _help(error) if again is None else error.help
        if error.url and error.url not in (help or ""):
            help = f"{help}\nsee {error.url}" if help else f"see {error.url}"
        # What was asked for wrongly, is asked for wrongly the next time.
        is_usage = error.exit_status == ExitStatus.USAGE
        if again and not is_usage and "rsp-release" not in (help or ""):
            _, advice = again.advise()
            help = f"{help}\n{advice}" if help else advice
        return Result(
            outcome=OUTCOMES.get(error.exit_status, "failed"),
            exit_status=error.exit_status,
            at=SystemClock().now(),
            tag=tag,
            message=error.message,
            help=help,
            file=error.file,
            line=error.line or self._find_line(error.file, error.excerpt),
        )

    def _find_line(self, file: str | None, excerpt: str | None) -> int | None:
        """Find where an excerpt stands, for an annotation alone."""
        if file is None or not excerpt or not self.is_job:
            return None
        from ..views.actions import find_line
        from .next import find_top

        return find_line(find_top(self.globals.directory) / file, excerpt)

    def _interrupt(self, tag: str | None, again: Again | None) -> Result:
        is_begun, advice = again.advise() if again else (False, None)
        untouched = again.untouched if again else "nothing was written"
        return Result(
            outcome="unfinished",
            exit_status=ExitStatus.INTERRUPTED,
            at=SystemClock().now(),
            tag=tag,
            message="nothing was undone" if is_begun else untouched,
            help=advice,
        )


def shows_errors(
    command: Callable[Concatenate[Session, P], int],
) -> Callable[Concatenate[Session, P], int]:
    """Have a command's errors shown as its other output is.

    Parameters
    ----------
    command
        The command, which takes the session and perhaps a ``tag``.
    """

    @wraps(command)
    def run(session: Session, /, *args: P.args, **options: P.kwargs) -> int:
        with session.waiting("Reading the repository"):
            try:
                return command(session, *args, **options)
            except ReleaseError as e:
                tag = options.get("tag")
                known = tag if isinstance(tag, str) else None
                return session.fail(e, tag=known)

    return run


def parse_duration(text: str) -> float:
    """Read a duration such as ``90m``, ``1h30m``, ``45s`` or ``600``.

    Parameters
    ----------
    text
        The duration.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    UsageError
        Raised if it is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or not match[0]:
        raise UsageError(
            f"{text!r} is not a duration", help="use 90m, 1h30m or 45s"
        )
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def print_error(error: ReleaseError, *, verbose: bool) -> None:
    """Tell a person what is wrong, and what to do next.

    Parameters
    ----------
    error
        The error.
    verbose
        Whether to show where it was raised.
    """
    if verbose:
        _print_traceback(error)
    text = safe.lines(error.message).replace("\n", "\n  ")
    sys.stderr.write(f"rsp-release: {text}\n")
    if help := _help(error):
        text = safe.lines(help).replace("\n", "\n  ")
        sys.stderr.write(f"  {text}\n")
    if error.url and error.url not in (error.help or ""):
        sys.stderr.write(f"  {safe.url(error.url) or ''}\n")


def _help(error: ReleaseError) -> str | None:
    """Return what to do next, which a failure by itself may not say."""
    if error.exit_status is ExitStatus.FAILED:
        return error.help or "run it again"
    return error.help


def _print_traceback(error: BaseException) -> None:
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(safe.lines(text) + "\n")

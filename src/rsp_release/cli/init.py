"""The command ``init``: sets up a repository for releases."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from ..config import load_config
from ..exceptions import ReleaseError, UsageError
from ..setup.scaffold import (
    Addition,
    Repository,
    Target,
    parse_target,
    plan,
    unified,
)
from ..views.safe import line
from .options import DryRun, Yes
from .session import Session

__all__ = ["init"]


def init(
    session: Session,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    registry: Annotated[
        list[str] | None,
        Option(
            metavar="REGISTRY",
            help=(
                "Where images go: ghcr, docker-hub, docker.io/NAMESPACE, or"
                " LOCATION-docker.pkg.dev/PROJECT/REPOSITORY. Repeatable."
            ),
        ),
    ] = None,
) -> int:
    """Set up a repository: settings, change log, workflow."""
    options = session.globals
    root, name, branch = session.factory.find_home()
    targets = tuple(
        parse_target(text, repository=name) for text in (registry or ["ghcr"])
    )
    config = load_config(
        root,
        environ=options.environ,
        overrides={"repository": options.repository},
    )
    additions = plan(
        Repository(
            name=name,
            branch=branch,
            read=lambda path: _read(root, path),
            names=lambda folder: _names(root, folder),
        ),
        config=config,
        targets=targets,
    )
    if not additions:
        sys.stderr.write("nothing to do: the repository is set up\n")
        return 0
    for addition in additions:
        for text in unified(addition).split("\n"):
            # The lines of context are others': a terminal must not obey them.
            is_plain = text.replace("\t", "").isprintable()
            sys.stdout.write((text if is_plain else line(text)) + "\n")
    sys.stdout.flush()
    if dry_run:
        return 0
    if not yes:
        if not session.may_ask:
            raise UsageError(
                "not writing without confirmation",
                help="confirm with --yes, or show the diff with --dry-run",
            )
        import typer

        if not typer.confirm("Write these changes?", default=False):
            return 0
    for addition in additions:
        _write(root, addition)
    sys.stderr.write(_advise(additions, targets, name))
    return 0


def _find(root: Path, path: str) -> Path:
    """Return where a file of the work tree is: no link may lead elsewhere."""
    place = root / path
    if place.resolve() != root.resolve() / path:
        raise ReleaseError(
            f"{path} is a symbolic link, or in a folder that is one",
            help="replace the link by what it leads to",
        )
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise ReleaseError(f"{path} is not a file")
    return place


def _read(root: Path, path: str) -> str | None:
    place = _find(root, path)
    try:
        data = place.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as e:
        raise ReleaseError(f"{path} cannot be read: {e.strerror}") from e
    # Whatever is in it stays as it is, byte for byte.
    return data.decode("utf-8", "surrogateescape")


def _names(root: Path, folder: str) -> tuple[str, ...]:
    place = _find(root, folder)
    if not place.is_dir():
        return ()
    return tuple(sorted(p.name for p in place.iterdir() if p.is_file()))


def _write(root: Path, addition: Addition) -> None:
    """Write a file, unless it is another by now."""
    place = _find(root, addition.path)
    data = addition.new.encode("utf-8", "surrogateescape")
    try:
        if addition.old is None:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                file.write(data)
            return
        if _read(root, addition.path) != addition.old:
            raise ReleaseError(f"{addition.path} has changed in the meantime")
        added = data[len(addition.old.encode("utf-8", "surrogateescape")) :]
        with place.open("ab") as file:
            file.write(added)
    except OSError as e:
        raise ReleaseError(
            f"{addition.path} cannot be written: {e.strerror}"
        ) from e


def _advise(
    additions: tuple[Addition, ...], targets: tuple[Target, ...], name: str
) -> str:
    paths = " ".join(shlex.quote(each.path) for each in additions)
    text = (
        "\nCommit the changes:\n"
        f"  git add {paths}\n"
        '  git commit -m "build: release with rsp-release"\n'
    )
    if not any(a.path.startswith(".github/workflows/") for a in additions):
        return text
    for target in targets:
        if not target.secrets:
            continue
        text += f"\nThe workflow pushes to {target.name}, which needs"
        text += f" {target.advice}:\n"
        for secret in target.secrets:
            text += f"  gh secret set {secret} --repo {name}\n"
    return text

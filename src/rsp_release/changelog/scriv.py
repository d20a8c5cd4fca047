"""The settings of scriv, wherever a repository keeps them. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from ..exceptions import BlockedError

__all__ = ["categories_of", "read_scriv_settings"]


def read_scriv_settings(
    read: Callable[[str], str | None],
) -> dict[str, str] | None:
    """Read scriv's settings as scriv finds them.

    Parameters
    ----------
    read
        Returns the text of a file of the repository, or `None`.

    Returns
    -------
    dict or None
        Those that are texts, and the categories with commas between them;
        `None` where scriv is not set up.

    Raises
    ------
    BlockedError
        Raised if they name a place outside of the repository.
    """
    found: dict[str, str] | None = None
    for name in ("setup.cfg", "tox.ini"):
        found = _add_ini(read(name), found)
    found = _add_toml(read("pyproject.toml"), found)
    _check_places(found)
    folder = (found or {}).get("fragment_directory", "changelog.d")
    found = _add_ini(read(f"{folder}/scriv.ini"), found)
    _check_places(found)
    return found


def categories_of(settings: dict[str, str] | None) -> tuple[str, ...]:
    """Return the categories that the settings name; none where they don't.

    Parameters
    ----------
    settings
        The settings, if scriv is set up.
    """
    names = (settings or {}).get("categories", "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def _check_places(settings: dict[str, str] | None) -> None:
    """Refuse places that are not in the repository."""
    for key in ("fragment_directory", "changelog", "output_file"):
        place = (settings or {}).get(key, "")
        if posixpath.normpath(place).split("/")[0] in {"", ".."}:
            raise BlockedError(
                f"scriv's setting {key} is {place!r:.80}, which is outside of"
                " the repository",
                help="name a place in the repository",
            )


def _add_toml(
    text: str | None, found: dict[str, str] | None
) -> dict[str, str] | None:
    if text is None or "scriv" not in text:
        return found
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return found
    scriv = tool.get("scriv") if isinstance(tool, dict) else None
    if not isinstance(scriv, dict):
        return found
    words = {k: v for k, v in scriv.items() if isinstance(v, str)}
    names = scriv.get("categories")
    if isinstance(names, list):
        words["categories"] = ",".join(map(str, names))
    return {**(found or {}), **words}


def _add_ini(
    text: str | None, found: dict[str, str] | None
) -> dict[str, str] | None:
    if text is None or "scriv]" not in text:
        return found
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return found
    for section in ("scriv", "tool.scriv"):
        if parser.has_section(section):
            found = {**(found or {}), **dict(parser.items(section))}
    return found

"""Checkouts that nobody looked at: links, settings, devices, odd names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from .service import Service

__all__ = [
    "FRAGMENT",
    "LARGE",
    "SETTINGS",
    "Checkout",
    "checkouts",
    "make_checkout",
]

FRAGMENT = "### New features\n\n- Page through lists.\n"

LARGE = "LARGE"
"""Stands for 100 MB."""

_SCRIV = '[tool.scriv]\nformat = "md"\n'

_TEMPLATE = """\
entry_title_template = '''
{{ cycler.__init__.__globals__.os.popen('env > OUT').read() }}'''
"""

SETTINGS = [
    f'{_SCRIV}changelog = "SECRET"\n',
    f'{_SCRIV}changelog = "RELATIVE"\n',
    f'{_SCRIV}fragment_directory = "x\\ny"\n',
    f'{_SCRIV}fragment_directory = "FOLDER"\n',
    f'{_SCRIV}entry_title_template = "file: SECRET"\n',
    f'{_SCRIV}entry_title_template = "command: env | tee OUT"\n',
    _SCRIV + _TEMPLATE,
    """\
[build-system]
requires = []
build-backend = "a"
backend-path = ["."]
[project]
name = "a"
dynamic = ["version", "dependencies"]
""",
    f'{_SCRIV}categories = "file: RELATIVE"\n',
    f'{_SCRIV}version = "literal: RELATIVE: canary"\n',
    f'{_SCRIV}new_fragment_template = "file: /proc/self/environ"\n',
    f'{_SCRIV}fragment_directory = "../.."\n',
    f'{_SCRIV}changelog = ".git/config"\n',
    '[[tool.rsp-release.files]]\npath = "VERSION"\npattern = "(.*)"\n',
    '[[tool.rsp-release.files]]\npath = ".git/config"\npattern = "(a)"\n',
    '[[tool.rsp-release.files]]\npath = "x\\ny/z.md"\npattern = "(a)"\n',
    '[tool.towncrier]\ndirectory = "RELATIVE"\n',
    '[tool.rsp-release]\nworkflow = "RELATIVE"\n',
    '[project]\nname = "a"\n[tool.uv]\ncache-dir = "OUT"\n',
    '[project]\nname = "a"\n[[tool.uv.index]]\nurl = "file://FOLDER"\n',
]

_WORKFLOWS = [
    """\
on: {release: {types: [published]}}
jobs:
  a:
    steps:
      - uses: docker/build-push-action@v6
        with: {push: true, context: RELATIVE, file: SECRET, tags: ghcr.io/a/b}
""",
    """\
on: {release: {types: [published]}}
jobs:
  a: {uses: ./RELATIVE}
  b: {uses: ./.github/workflows/b.yaml}
  c: {steps: [{uses: ./x\ty}, {uses: .//SECRET}]}
""",
    "on: push\njobs: {a: {env: {A: '$(env | tee OUT)'}}}\n",
    "on: *a\n---\n" + "[" * 500,
]

_ATTRIBUTES = "* filter=evil text eol=crlf ident working-tree-encoding=UTF-16"

_TARGETS = [
    "SECRET", "RELATIVE", "FOLDER", "/dev/zero", "/dev/stdin", "/dev/tty",
    "/proc/self/environ", ".git/config", "../.git/config", ".", "..",
    "CHANGELOG.md", "changelog.d", "x\ny", "nowhere",
]  # fmt: skip

_PATHS = [
    "CHANGELOG.md", "CHANGES.rst", "Dockerfile", "Makefile", "VERSION",
    ".changeset/a.md", ".github/workflows/b.yaml", ".github/workflows/ci.yaml",
    ".github/dependabot.yml", ".rsp-release.toml", "changelog.d/README.md",
    "changelog.d/a\nb.md", "changelog.d/b.md", "changelog.d/x.md",
    "changelog.d/scriv.ini", "newsfragments/1.feature.md", "pyproject.toml",
    "scripts/deploy.sh", "setup.cfg", "setup.py", "towncrier.toml", "uv.lock",
    "x\ny/z.md", "--help", "src/a/__init__.py",
]  # fmt: skip

_FOLDERS = (".changeset", ".github", "changelog.d", "src", "x\ny")
"""What may also be something else than a folder."""

_TEXTS = [
    *SETTINGS, *_WORKFLOWS, FRAGMENT, "", "\0", "\ufeff", "[", "- a\n",
    "[scriv]\nchangelog = SECRET\n", "[tool:scriv]\nchangelog = RELATIVE\n",
    "# Change log\n\n## 9.9.9 (2026-01-01)\n\n- a\n", "version = 1\n",
    '---\n"a": minor\n---\n\nmore\n', "sign = true\n", "repository = 1\n",
    LARGE,
]  # fmt: skip


@dataclass(frozen=True)
class Checkout:
    """What stands in a tree, and what lies in the work tree over it."""

    files: Mapping[str, tuple[str, str]]
    """Mode and text by path, as git keeps them."""

    oddities: Mapping[str, str]
    """What lies there instead: ``fifo``, ``device``, ``folder``, ``link``."""


@st.composite
def checkouts(draw: st.DrawFn) -> Checkout:
    """Make checkouts."""
    files = {"changelog.d/b.md": ("100644", FRAGMENT)}
    names = st.sampled_from(_PATHS + list(_FOLDERS))
    kinds = st.sampled_from(
        ["text", "settings", "link", "link", "folder", "module"]
    )
    if draw(st.booleans()):
        text = draw(st.sampled_from(SETTINGS))
        files["pyproject.toml"] = ("100644", text)
    for path in draw(st.lists(names, max_size=5, unique=True)):
        kind = draw(kinds)
        if kind == "text":
            mode = draw(st.sampled_from(["100644", "100755"]))
            files[path] = (mode, draw(st.sampled_from(_TEXTS)))
        elif kind == "settings":
            files[path] = ("100644", draw(st.sampled_from(SETTINGS)))
        elif kind == "link":
            files[path] = ("120000", draw(st.sampled_from(_TARGETS)))
        elif kind == "folder":
            files[f"{path}/a.md"] = ("100644", FRAGMENT)
        else:
            files[path] = ("160000", "")
    if draw(st.booleans()):
        files[".gitattributes"] = ("100644", _ATTRIBUTES)
    # Nothing is both a file and a folder.
    kept = {
        path: entry
        for path, entry in files.items()
        if not any(other.startswith(f"{path}/") for other in files)
    }
    what = st.sampled_from(["fifo", "device", "folder", "link"])
    lies = st.dictionaries(st.sampled_from(_PATHS), what, max_size=2)
    return Checkout(kept, draw(lies))


def make_checkout(
    service: Service, checkout: Checkout, places: Mapping[str, str]
) -> None:
    """Let the clone and its remote have a commit with some more files.

    Parameters
    ----------
    service
        The service, whose clone has a tag ``base``.
    checkout
        What to have on top of that.
    places
        What the names of places in it stand for.
    """
    service.git("clean", "--quiet", "-ffdx")
    stream = [b"commit refs/heads/new\n"]
    stream.append(b"committer C <c@example.org> 1790000000 +0000\n")
    stream.append(b"data 11\nfeat: more\n\nfrom refs/tags/base^0\n")
    for path, (mode, text) in sorted(checkout.files.items()):
        quoted = _quote(path)
        if mode == "160000":
            stream.append(b"M 160000 %b %b\n" % (b"1" * 40, quoted))
            continue
        data = _fill(text, places).encode()
        if text == LARGE:
            data = bytes(100 << 20)
        stream.append(b"M %b inline %b\n" % (mode.encode(), quoted))
        stream.append(b"data %d\n%b\n" % (len(data), data))
    subprocess.run(
        ["git", "-c", "core.bigFileThreshold=1m", "-c", "core.compression=1",
         "fast-import", "--quiet", "--force"],
        cwd=service.clone, env=service.environ, check=True,
        input=b"".join(stream), capture_output=True,
    )  # fmt: skip
    service.git("reset", "--quiet", "--hard", "new")
    for path, kind in checkout.oddities.items():
        _place(service.clone / path, kind, places)


def _quote(path: str) -> bytes:
    return b'"%b"' % path.replace("\n", "\\n").encode()


def _fill(text: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text


def _place(path: Path, kind: str, places: Mapping[str, str]) -> None:
    """Put what git does not know into the work tree."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    is_inside = path.parent.resolve() == path.parent
    if not path.parent.is_dir() or not is_inside or path.exists():
        return
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        path.symlink_to(places["SECRET"])
    else:
        path.mkdir()

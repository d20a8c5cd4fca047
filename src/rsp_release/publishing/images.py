"""What the known actions and programs push.

The rules of each action were read in its own source: SQuaRE's
``multiplatform-build-and-push`` and ``build-and-push-to-ghcr``, Docker's
``build-push-action`` and ``metadata-action``, and Noelware's
``docker-manifest-action``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..models import parse_platform
from .metadata import image_tags
from .unknown import is_known, unknown

__all__ = [
    "Push",
    "call_pushes",
    "is_suspicious_action",
    "is_suspicious_call",
    "is_suspicious_script",
    "known_pushes",
    "split_options",
    "split_reference",
    "version_tag",
]

_SQUARE_PLATFORMS: tuple[str, ...] = ("linux/amd64", "linux/arm64")
# Groups are not repeated possessively: Python has that wrong before 3.11.5.
_LABEL = r"[a-z0-9]++(?:-++[a-z0-9]++)*"
_PART = r"[a-z0-9]++(?:(?:\.|__?|-++)[a-z0-9]++)*"
_NAME = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-f0-9:]{{2,39}}\])(?::[0-9]{{1,5}})?"
    rf"/(?P<path>{_PART}(?:/{_PART})*)"
)
"""A registry and a repository, as distribution's grammar has them."""

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Images that one step pushes."""

    references: tuple[str, ...]
    """Names with tags, unknown parts marked."""

    platforms: tuple[str, ...] = ()
    """The platforms it is built for, where it says so."""

    sources: tuple[str, ...] = ()
    """Images that it puts together; they are parts, not results."""

    is_certain: bool | None = True
    """Whether it does push."""

    is_vague: bool = False
    """Whether it pushes something that it doesn't name."""

    job: str = ""
    """The job that pushes."""


def split_list(text: str) -> list[str]:
    """Split a list as actions take them, at commas and line ends."""
    parts = re.split(r"[,\n]", text)
    return [part.strip() for part in parts if part.strip()]


def split_reference(reference: str) -> tuple[str, str | None]:
    """Split an image's reference into its full name and its tag.

    Parameters
    ----------
    reference
        As ``docker push`` takes it.

    Returns
    -------
    tuple
        Registry and repository, lowercase, Docker Hub's filled in where no
        registry is named; and the tag, or `None` for a digest.
    """
    name, at, _ = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name = head
    else:
        tag = "latest"
    name = name if not is_known(name) else name.lower()
    first, slash, rest = name.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost"
    if not slash and is_known(name):
        name = f"docker.io/library/{name}"
    elif first in {"docker.io", "index.docker.io"}:
        is_short = "/" not in rest and is_known(rest)
        name = f"docker.io/library/{rest}" if is_short else f"docker.io/{rest}"
    elif slash and is_known(first) and not is_registry:
        name = f"docker.io/{name}"
    return name, None if at else tag


def is_legal(name: str, tag: str) -> bool:
    """Return whether a name and a tag are such that a registry takes them."""
    match = _NAME.fullmatch(name)
    return bool(match and len(match["path"]) <= 255 and _TAG.fullmatch(tag))


def _platforms(text: str) -> tuple[str, ...]:
    """Return platforms as registries name them."""
    found = []
    for platform in split_list(text):
        name = platform if "/" in platform else f"linux/{platform}"
        found.append(parse_platform(name) or name)
    return tuple(found)


def _truth(text: str, *, default: bool) -> bool | None:
    if not is_known(text):
        return None
    if not text.strip():
        return default
    return {"true": True, "false": False}.get(text.strip().lower())


def default_tag(ref: str) -> str:
    """Return the tag that SQuaRE's workflows make of the git ref."""
    if not is_known(ref):
        return unknown("github.ref")
    name = re.sub(r"refs/(heads|tags)/", "", ref, count=1)
    return name.replace("/", "-")


def version_tag(tag: str) -> str:
    """Return the image tag that a release has where nothing says another.

    Parameters
    ----------
    tag
        The tag of the release, such as ``1.2.3`` or ``app@1.2.3``.
    """
    return tag.rpartition("@")[2].replace("/", "-")


def known_pushes(
    name: str,
    inputs: Mapping[str, str],
    github: Mapping[str, Any],
    env: Mapping[str, str] | None = None,
) -> tuple[list[Push], dict[str, str]] | None:
    """Return what a known action or reusable workflow pushes.

    Parameters
    ----------
    name
        What ``uses:`` says, without the version.
    inputs
        Its inputs, filled in.
    github
        The context ``github``.
    env
        The environment that a step runs in.

    Returns
    -------
    tuple or None
        What it pushes, and its outputs; `None` if it isn't known.
    """
    name = name.lower()
    if name == "docker/metadata-action":
        tags, version = image_tags(inputs, github, env)
        return [], {"tags": tags, "version": version}
    if name == "docker/build-push-action":
        return [_built(inputs)], {}
    if name in _MANIFESTS:
        sources = inputs.get(_MANIFESTS[name], "")
        push = Push(
            references=tuple(split_list(inputs.get("tags", ""))),
            sources=tuple(split_list(sources)),
        )
        return [push], {}
    if name not in (_SQUARE_WORKFLOW, "lsst-sqre/build-and-push-to-ghcr"):
        return None
    tag = default_tag(github["ref"])
    if name == _SQUARE_WORKFLOW:
        tag = inputs.get("tag", "") or tag
        references = _square_references(inputs, tag)
        platforms = _SQUARE_PLATFORMS
    else:
        tags, _ = image_tags(
            {
                "images": f"ghcr.io/{inputs.get('image', '')}",
                "tags": f"type=raw,{tag}\n{inputs.get('additional-tags', '')}",
            },
            github,
        )
        references = split_list(tags)
        platforms = _platforms(inputs.get("platforms", ""))
    push = Push(
        references=tuple(references),
        platforms=platforms,
        is_certain=_truth(inputs.get("push", ""), default=True),
    )
    return [push], {"tag": tag}


_SQUARE_WORKFLOW = (
    "lsst-sqre/multiplatform-build-and-push/.github/workflows/build.yaml"
)
_MANIFESTS = {
    "noelware/docker-manifest-action": "inputs",
    "int128/docker-manifest-create-action": "sources",
}
"""Actions that make one image of several, and the input that names those."""


def _square_references(inputs: Mapping[str, str], tag: str) -> list[str]:
    # The workflow splits at commas alone, but sets the parts apart by white
    # space again: a list by lines makes it fail.
    parts = inputs.get("images", "").split(",")
    images = [*filter(None, (" ".join(part.split()) for part in parts))]
    more = inputs.get("additional-tags", "").replace(",", " ").split()
    return [f"{image}:{each}" for each in (tag, *more) for image in images]


def _built(inputs: Mapping[str, str]) -> Push:
    """Return what ``docker/build-push-action`` pushes."""
    certain = _truth(inputs.get("push", ""), default=False)
    references = split_list(inputs.get("tags", ""))
    if certain is not True:
        for line in inputs.get("outputs", "").split("\n"):
            fields = [field.strip() for field in line.split(",")]
            if not is_known(line):
                certain = None
            elif "type=registry" in fields or "push=true" in fields:
                certain = True
                if "push-by-digest=true" in fields:
                    # A part, which a later step gives a name.
                    return Push(references=())
                references += [
                    field.partition("=")[2]
                    for field in fields
                    if field.startswith("name=")
                ]
    return Push(
        references=tuple(references),
        platforms=_platforms(inputs.get("platforms", "")),
        is_certain=certain,
        is_vague=not references,
    )


# -- Programs ---------------------------------------------------------------

_FLAGS = {
    "--push", "--load", "--no-cache", "--pull", "-q", "--quiet", "--all",
    "--rm", "--squash", "--compress", "--force-rm", "-a", "--all-tags",
    "--disable-content-trust", "--debug", "-D", "--tls", "--amend", "--purge",
    "-p", "--append", "--insecure", "--dry-run", "--format-docker",
    "--remove-signatures", "--preserve-digests",
}  # fmt: skip


def split_options(
    argv: Sequence[str],
) -> tuple[list[str], dict[str, list[str]]]:
    """Split arguments into words and options with their values.

    Parameters
    ----------
    argv
        The arguments, without the program's name.
    """
    words: list[str] = []
    options: dict[str, list[str]] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, has_value, value = word.partition("=")
        if not has_value and word not in _FLAGS and rest:
            if word[1] != "-" and len(word) > 2:
                name, value = word[:2], word[2:]
            else:
                value = rest.pop(0)
        options.setdefault(name, []).append(value)
    return words, options


def call_pushes(argv: Sequence[str]) -> list[Push]:
    """Return what a program that a script starts pushes.

    Parameters
    ----------
    argv
        The program's name and arguments.
    """
    program = argv[0].rpartition("/")[2]
    if program == "sudo":
        return call_pushes(argv[1:]) if len(argv) > 1 else []
    words, options = split_options(argv[1:])
    if words[:1] in (["image"], ["buildx"]):
        # `docker image push` is `docker push`.
        del words[0]
    tags = options.get("-t", []) + options.get("--tag", [])
    match program, words:
        case "docker" | "podman" | "nerdctl" | "buildah", (
            ["push", *_, reference] | ["manifest", "push", reference, *_]
        ):
            return [Push(references=(reference,))]
        case "docker" | "podman", ["manifest", "create", _, *sources]:
            return [Push(references=(), sources=tuple(sources))]
        case "docker", ["imagetools", "create", *sources]:
            is_hidden = not tags and not all(map(is_known, sources))
            return [
                Push(
                    references=tuple(tags),
                    sources=tuple(sources),
                    is_vague=is_hidden,
                )
            ]
        case "docker" | "podman", ["build", *_]:
            push = _built(
                {
                    "push": "".join(options.get("--push", ["false"]))
                    or "true",
                    "tags": "\n".join(tags),
                    "outputs": "\n".join(
                        options.get("-o", []) + options.get("--output", [])
                    ),
                    "platforms": ",".join(options.get("--platform", [])),
                }
            )
            return [push] if push.is_certain is not False else []
        case "skopeo", ["copy", _, target] if target.startswith("docker://"):
            return [Push(references=(target.removeprefix("docker://"),))]
        case "crane" | "regctl", ["copy" | "cp" | "push", _, target]:
            return [Push(references=(target,))]
        case _:
            return []


# -- What may publish, as far as its name tells -----------------------------

_IMAGE_WORD = re.compile(
    r"docker|container|image|ghcr|buildah|podman|kaniko|skopeo|buildpack"
    r"|registry|(?:^|[/_-])(?:oci|jib|ko)(?:[/_-]|$)",
    re.IGNORECASE,
)
_HARMLESS_WORD = re.compile(
    r"login|setup|scan|trivy|lint|clean|delete|prune|attest|cosign|sign"
    r"|cache|slsa|provenance|sbom|scout|auth|size|compare|test|retention|verify|free-disk"
    r"|dive|compress|optimi|shutdown|wait|check",
    re.IGNORECASE,
)
_PUSHING = re.compile(
    r"\b(?:docker|podman|nerdctl|buildah|compose|manifest|image|crane|oras)"
    r"[ \t]+push\b|[ \t]--push\b|imagetools[ \t]+create|skopeo[ \t]+copy"
    r"|crane[ \t]+(?:copy|cp)\b|\bko[ \t]+(?:build|publish)\b"
    r"|type=registry|push=true"
)
_HARMLESS_SCRIPT = re.compile(
    r"test|lint|check|setup|tag|version|name", re.IGNORECASE
)
_TARGET = re.compile(r"push|docker|image|container|ghcr|buildx", re.IGNORECASE)


def is_suspicious_action(name: str) -> bool:
    """Return whether an action that isn't known may push images."""
    return bool(_IMAGE_WORD.search(name) and not _HARMLESS_WORD.search(name))


def is_suspicious_call(argv: Sequence[str]) -> bool:
    """Return whether a program that isn't known may push images."""
    program = argv[0].rpartition("/")[2]
    text = " ".join(argv)[:1000]
    if program in {"make", "just", "task", "nox", "tox", "npm", "mage"}:
        return bool(_TARGET.search(" ".join(argv[1:])[:1000]))
    if program == "ko":
        return "build" in argv or "publish" in argv
    if program in {"docker", "podman", "docker-compose"}:
        words, _ = split_options(argv[1:])
        return (
            words[:1] in (["compose"], ["buildx"])
            and bool(re.search(r"\bpush\b", text))
            and not call_pushes(argv)
        )
    is_shell = program in {"sh", "bash"} and len(argv) > 1
    path = argv[1] if is_shell else argv[0]
    if not is_shell and "/" not in path:
        return False
    return bool(
        re.search(r"push|publish", path, re.IGNORECASE)
        or (
            re.search(r"docker|image", path, re.IGNORECASE)
            and not _HARMLESS_SCRIPT.search(path)
        )
    )


def is_suspicious_script(text: str) -> bool:
    """Return whether a script that can't be followed may push images."""
    return bool(_PUSHING.search(text))

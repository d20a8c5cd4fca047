"""Finds where an application runs, and the order of its roll-out. Pure.

A deployment repository laid out as Phalanx says it; the settings say it for
any other, and where the Argo CD of an environment is elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..config import EnvironmentSetting
from ..exceptions import UsageError
from ..models.rollout import Target
from .charts import respell
from .effective import EffectiveTag
from .environments import Environment
from .layout import Layout, application_of

__all__ = [
    "ORDER",
    "Stage",
    "add_settings",
    "find_addresses",
    "find_stages",
    "select_stages",
    "sort_stages",
]

ORDER = (
    "idfdev",
    "idfint",
    "idfprod",
    "tucson-teststand",
    "base",
    "summit",
)
"""Phalanx's order: SQuaRE's environments, then Telescope and Site's.

https://phalanx.lsst.io/admin/upgrade-windows.html
"""

_TEMPLATE = "environments/templates/applications/"
"""Where Phalanx has the application of each project."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")
"""A name of the DNS with its domain (RFC 1123, section 2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An application in an environment that a roll-out comes to."""

    target: Target
    """Where it is. The address is empty where there is a problem."""

    tags: tuple[EffectiveTag, ...] = ()
    """What the deployment repository has it run; empty: it does not say."""

    problem: str | None = None
    """Why it cannot be looked at."""

    help: str | None = None
    """What to do about that."""

    @property
    def name(self) -> str:
        """The name of the environment."""
        return self.target.environment

    def is_at(self, tag: str) -> bool:
        """Return whether it is to run a tag, however that is spelled."""
        return any(respell(tag, own.tag) == own.tag for own in self.tags)


def find_stages(
    layout: Layout, tags: Mapping[str, Sequence[EffectiveTag]]
) -> tuple[Stage, ...]:
    """Find where the applications of charts run, as Phalanx's layout says.

    Parameters
    ----------
    layout
        The deployment repository.
    tags
        The path of each :file:`Chart.yaml`, with what its environments run.

    Returns
    -------
    tuple of Stage
        In no order.

    Raises
    ------
    BlockedError
        Raised if the file of an environment is no YAML.
    """
    found: dict[tuple[str, str], Stage] = {}
    for chart, effective in tags.items():
        name = application_of(chart)
        project = _find_project(layout.paths, name)
        for environment in layout.environments or ():
            if name not in environment.applications:
                continue
            key = environment.name, name
            before = found[key].tags if key in found else ()
            own = (t for t in effective if t.environment == environment.name)
            stage = _make_stage(environment, name, project)
            found[key] = replace(stage, tags=(*before, *own))
    return tuple(found.values())


def find_addresses(
    environments: Iterable[Environment],
    settings: Iterable[EnvironmentSetting] = (),
) -> dict[str, str]:
    """Return where the Argo CD of each environment is, as far as is known.

    Parameters
    ----------
    environments
        The environments that the deployment repository names.
    settings
        Those that the settings name, which go before.
    """
    found = {each.name: _find_address(each) for each in environments}
    found.update({each.name: each.argocd.rstrip("/") for each in settings})
    return {name: address for name, address in found.items() if address}


def _find_address(environment: Environment) -> str:
    """Return where Phalanx has the Argo CD of an environment, or nothing."""
    host = environment.host
    return f"https://{host}/argo-cd" if _HOST.fullmatch(host) else ""


def _make_stage(
    environment: Environment, application: str, project: str | None
) -> Stage:
    """Say where an environment is, or why that cannot be said."""
    host, address = environment.host, _find_address(environment)
    said = f"fqdn {host!r} is no host" if host else "no fqdn"
    remedy = f"fix it there, or name the address: {_SETTING}"
    return Stage(
        target=Target(
            environment=environment.name,
            argocd=address,
            application=application,
            project=project,
        ),
        problem=None if address else f"{environment.path}: {said}",
        help=None if address else remedy,
    )


_SETTING = '[[environments]] name = "E", argocd = "https://…" in the settings'


def add_settings(
    stages: Iterable[Stage],
    settings: Iterable[EnvironmentSetting],
    *,
    known: Iterable[str],
    application: str,
) -> tuple[Stage, ...]:
    """Let the settings say where environments are, and which there are.

    Parameters
    ----------
    stages
        What the deployment repository says.
    settings
        What the settings say, which goes before.
    known
        The environments that the deployment repository knows. It says which
        of those run the application.
    application
        What Argo CD calls the application, where nobody says.

    Returns
    -------
    tuple of Stage
        In no order.
    """
    named = {setting.name: setting for setting in settings}
    found = [
        Stage(
            target=_aim(named[stage.name], stage.target.application),
            tags=stage.tags,
        )
        if stage.name in named
        else stage
        for stage in stages
    ]
    elsewhere = set(named) - {*known, *(stage.name for stage in found)}
    found += [
        Stage(target=_aim(setting, application))
        for name, setting in named.items()
        if name in elsewhere
    ]
    return tuple(found)


def _aim(setting: EnvironmentSetting, application: str) -> Target:
    return Target(
        environment=setting.name,
        argocd=setting.argocd.rstrip("/"),
        application=setting.application or application,
        namespace=setting.namespace,
        project=setting.project,
    )


def sort_stages(
    stages: Iterable[Stage], order: Sequence[str] = ()
) -> tuple[Stage, ...]:
    """Sort them as versions are promoted.

    Parameters
    ----------
    stages
        The stages.
    order
        The setting ``rollout.order``; empty: Phalanx's. What it does not name
        comes last, by name.
    """
    places = {name: number for number, name in enumerate(order or ORDER)}

    def key(stage: Stage) -> tuple[int, str, str]:
        place = places.get(stage.name, len(places))
        return place, stage.name, stage.target.application

    return tuple(sorted(stages, key=key))


def select_stages(
    stages: Sequence[Stage], names: Sequence[str]
) -> tuple[Stage, ...]:
    """Return those of some environments.

    Parameters
    ----------
    stages
        All of them.
    names
        The environments; empty: all.

    Raises
    ------
    UsageError
        Raised if one does not run the application.
    """
    known = dict.fromkeys(stage.name for stage in stages)
    for name in names:
        if name not in known:
            raise UsageError(
                f"no environment {name} runs the application",
                help=f"use one of {', '.join(known)}" if known else None,
            )
    return tuple(s for s in stages if not names or s.name in names)


def _find_project(paths: Iterable[str], application: str) -> str | None:
    """Return the project that Phalanx has an application in."""
    name = f"/{application}.yaml"
    for path in paths:
        if path.startswith(_TEMPLATE) and path.endswith(name):
            return path.removeprefix(_TEMPLATE).removesuffix(name)
    return None

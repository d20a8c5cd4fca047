"""Protocols of the world outside: git, GitHub, registries and time.

The one rule of every method that reads: it answers from a definite answer of
the other side, or it raises `~rsp_release.exceptions.ReadError`. It never
turns "could not look" into "is not there".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from ..models import (
    ApproveDeployments,
    Change,
    ChangelogState,
    Check,
    Collected,
    Commit,
    ConcurrencyGroup,
    EditPull,
    EnableAutoMerge,
    Environment,
    Fork,
    Image,
    ImageReport,
    Job,
    LabelPull,
    MakeFork,
    MergePull,
    OpenPull,
    PendingDeployment,
    PublishRelease,
    PullRequest,
    PushBranch,
    PushFiles,
    PushTag,
    ReleasePage,
    RemoteRefs,
    Repository,
    RequestReviews,
    RerunFailedJobs,
    SyncApplication,
    Verdict,
    WorkflowRun,
)
from ..models.github import BranchRules, Credentials, Ruleset
from ..models.rollout import Application, Resource, SyncWindow, Target

__all__ = [
    "Actions",
    "ArgoCD",
    "Changelog",
    "Clock",
    "DeployRepository",
    "Digests",
    "Files",
    "Forge",
    "ForgeSettings",
    "Git",
    "Memory",
    "Pulls",
    "Registry",
    "Step",
    "World",
]

Subject_contra = TypeVar("Subject_contra", contravariant=True)


class Clock(Protocol):
    """Time, as an argument, so that a test can own it."""

    def now(self) -> datetime:
        """Return the present time (aware, UTC)."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class Memory(Protocol):
    """What one look at the world has seen until now."""

    width: int
    """How many questions are asked at once."""

    def begin_turn(self) -> None:
        """Begin to see what is decided upon next."""

    def is_fresh(self, *, compares: bool = False) -> bool:
        """Return whether all that was told in this turn was asked in it, too.

        Where the write compares it with what is there by then, it may be
        older.
        """

    def end_former(self, *, compares: bool = False) -> None:
        """Forget what was seen before the present turn.

        But for what the write compares.
        """

    def take_notices(self) -> tuple[str, ...]:
        """Return what a person should know of the looking, once."""

    def end(self) -> None:
        """Forget it: the world is about to change, or did."""


class Git(Protocol):
    """The user's clone and its remote."""

    def head(self) -> str:
        """Return the full hash of the commit that is checked out."""

    def branch(self) -> str | None:
        """Return the branch that is checked out; `None` where detached."""

    def is_shallow(self) -> bool:
        """Return whether history is cut off."""

    def uncommitted(self) -> tuple[str, ...]:
        """Return the paths of tracked files with uncommitted changes."""

    def local_tag(self, tag: str) -> str | None:
        """Return the commit of a tag in the clone, peeled."""

    @property
    def remote(self) -> str:
        """The name of the remote."""

    def remote_tag(self, tag: str) -> str | None:
        """Return the commit of a tag on the remote, peeled, if it is there."""

    def remote_branch(
        self,
        branch: str,
        told: str | None = None,
        *,
        merged: str | None = None,
    ) -> str | None:
        """Return the head of a branch on the remote, fetched if needed.

        Where GitHub told what it is, and the clone has that, the remote is
        not asked. A commit that was ``merged`` there, and that the clone
        lacks, is fetched while the remote is asked.
        """

    def remote_branches(self, prefix: str) -> Mapping[str, str]:
        """Return the heads of the remote's branches that begin so."""

    def remote_refs(self, branch: str) -> RemoteRefs:
        """Return what the remote has of all releases, by one look.

        The head of ``branch``, the release branch, is fetched if needed.
        """

    def describe(self, ref: str, hash_: str | None = None) -> tuple[str, str]:
        """Return who made what a ref of the remote points to, and its text.

        It is fetched if needed; ``hash_`` is what it is, where that is known.
        Untrusted text.
        """

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Return whether one commit is contained in another."""

    def has_parent(self, commit: str) -> bool:
        """Return whether a commit is not the first one."""

    def fetch_tag(self, tag: str) -> None:
        """Fetch one tag of the remote, where the clone has it not."""

    def message(self, commit: str) -> str:
        """Return the message of a commit. Untrusted text."""

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        """Return the commits after one, up to another, newest first.

        At most a thousand: more would make no readable notes.
        """

    def files(self, commit: str, directory: str) -> Mapping[str, str]:
        """Return path and text of a directory's YAML files at a commit."""

    def file(self, commit: str, path: str) -> str | None:
        """Return the text of a file at a commit, or `None` if it has none."""

    def tag_date(self, tag: str) -> datetime:
        """Return when a tag of the clone was made, or else its commit."""

    def tag_object(self, tag: str) -> str | None:
        """Return the hash of a tag of the clone itself, not peeled."""

    def commit_date(self, commit: str) -> datetime:
        """Return when a commit of the clone was committed (aware)."""

    def try_signing(self) -> bool:
        """Make an object as commits and tags are made, and throw it away.

        Returns whether it was signed. It is done once.

        Raises
        ------
        RefusedError
            Raised if it cannot be made, with the cause.
        """

    def try_push(self, tag: str, commit: str) -> bool:
        """Ask the remote to be pushed to, and push nothing; run no hook.

        Returns `False`, and asks nothing, where git has the same token as
        everything else.

        Raises
        ------
        WriteError
            Raised if the remote does not let us, or does not answer.
        """

    def try_hooks(
        self, tag: str, commit: str, first: Callable[[], PushBranch | None]
    ) -> None:
        """Let the user's hooks say whether they refuse a release.

        Nothing is made, nor pushed. ``first`` finds out what is pushed before
        the tag, where a hook asks for it.

        Raises
        ------
        ReleaseError
            Raised if one refuses it, with its words.
        """

    def push_tag(self, write: PushTag) -> str | None:
        """Make the annotated tag, where it is not there yet, and push it.

        The claim moves with it, or neither does.

        Returns
        -------
        str or None
            What a person should know of it, told once.

        Raises
        ------
        NotSentError
            Raised if the remote was not reached.
        RefusedError
            Raised if the remote rejected it, with the remote's words.
        UncertainError
            Raised if the connection broke after it was opened.
        """

    def push_branch(self, write: PushBranch) -> str | None:
        """Make the commit, and push it to where the branch has to be.

        Neither the work tree nor the index nor any branch of the clone is
        touched. Returns and raises as `push_tag`; a branch, or a claim, that
        is elsewhere by now is a refusal as a duplicate.
        """


class Changelog(Protocol):
    """The change log, as commits have it."""

    def look(self, commit: str, version: str) -> ChangelogState:
        """Return what a commit's change log says of a version."""

    def collect(
        self, commit: str, *, version: str, tag: str, at: datetime
    ) -> Collected | None:
        """Make the entry of a version, and what goes with it, as a tree.

        Returns `None` where there is nothing to write. Only objects are added
        to the clone: no ref, no index and no file.
        """

    def find_late(self, made: str, head: str, version: str) -> tuple[str, ...]:
        """Find fragments that would be released outside of an entry.

        Parameters
        ----------
        made
            A commit with the entry, such as the head of a pull request.
        head
            The release branch.
        version
            The version.
        """

    def collect_late(
        self, made: str, head: str, *, version: str, at: datetime
    ) -> Collected | None:
        """Add such fragments to the entry, which people may have edited.

        Returns
        -------
        Collected or None
            The trees of the merge, and of what is then added; `None` where
            there is nothing to add.

        Raises
        ------
        BlockedError
            Raised if the two conflict, or scriv fails.
        """

    def find_commit(self, since: str, until: str, version: str) -> str | None:
        """Return the first commit of a branch with nothing left to write.

        That is ``since`` itself, or else one between the two, following first
        parents; `None` where not even the last is such a commit.
        """


class Actions(Protocol):
    """Workflow runs on GitHub."""

    def runs(self, *, commit: str, event: str) -> tuple[WorkflowRun, ...]:
        """Return the runs of a commit started by an event, newest first.

        Their jobs are not read.
        """

    def run(self, number: int) -> WorkflowRun | None:
        """Return a run by its number, or `None` if there is none.

        Its jobs are not read.
        """

    def jobs(self, run: WorkflowRun, *, age: float = 0) -> tuple[Job, ...]:
        """Return the jobs of the latest attempt of a run.

        They may be as they were ``age`` seconds ago, unless the run has
        changed since.
        """

    def past(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        """Return the last runs like this that succeeded, with their jobs.

        They are read once. Where they cannot be, there are none: all that
        depends on them is an estimate.
        """

    def last_runs(self, path: str) -> tuple[WorkflowRun, ...]:
        """Return the last runs of a workflow, whatever started them.

        Their jobs are not read.
        """

    def explain(self, job: Job, *, lines: int) -> Job:
        """Return a job that failed, with annotations and end of its log.

        What cannot be read of them is left out, and said.
        """

    def pending_deployments(
        self, run: WorkflowRun
    ) -> tuple[PendingDeployment, ...]:
        """Return the environments whose rules a run waits for."""

    def concurrency(self, run: WorkflowRun) -> ConcurrencyGroup | None:
        """Return the concurrency group that a run waits in, if any."""

    def rerun(self, write: RerunFailedJobs) -> None:
        """Begin another attempt of a run, unless there is one already."""

    def approve(self, write: ApproveDeployments) -> None:
        """Approve deployments, unless they wait no more."""

    def workflow_state(self, path: str) -> str | None:
        """Return the state of a workflow, or `None` if GitHub has none."""

    def runs_workflows(self) -> bool | None:
        """Return whether Actions are enabled, here and by the owner.

        `None` where GitHub does not tell: it tells administrators only.
        """

    def environment(self, name: str) -> Environment | None:
        """Return an environment and its rules, if there is one."""

    def pause(self) -> float:
        """Return how many seconds to leave between two looks.

        So many that the requests that are left last until GitHub allows
        more; 0 where there are plenty.
        """


class Pulls(Protocol):
    """The pull requests of a repository."""

    def pull(
        self, found: PullRequest, *, is_to_merge: bool = False
    ) -> PullRequest:
        """Return a pull request that was found, with checks and reviews.

        Whether it can be merged is not told for certain unless it is to be.
        """

    def open_pull(self, write: OpenPull) -> None:
        """Open a pull request."""

    def label_pull(self, write: LabelPull) -> None:
        """Add labels to a pull request."""

    def request_reviews(self, write: RequestReviews) -> None:
        """Ask people to review a pull request."""

    def enable_auto_merge(self, write: EnableAutoMerge) -> None:
        """Let GitHub merge a pull request as soon as it may."""

    def merge_pull(self, write: MergePull) -> None:
        """Merge a pull request."""


class Forge(Actions, Pulls, Protocol):
    """GitHub."""

    @property
    def url(self) -> str:
        """The repository's page."""

    @property
    def has_moved(self) -> bool:
        """Whether it turned out, since it was last identified, that the
        repository has another name than it was asked for by.
        """

    def identify(self) -> tuple[str, int] | None:
        """Return the name and the number that the repository has now.

        It is asked for by that name from then on. `None`: there is none, or
        these credentials may not see it.
        """

    def repository(self) -> Repository:
        """Return what these credentials see of the repository.

        Raises
        ------
        NotAllowedError
            Raised if the credentials are missing, wrong or expired, or see
            no such repository.
        """

    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        """Return every release of a tag, published and drafts."""

    def labels(self, number: int) -> tuple[str, ...]:
        """Return the labels of a pull request; none where there is none."""

    def publish_release(self, write: PublishRelease) -> None:
        """Publish a release of an existing tag, or a draft of it."""

    def generate_notes(
        self, *, tag: str, commit: str, previous: str | None
    ) -> str:
        """Return the notes that GitHub generates, which it keeps nowhere."""

    def head(self, branch: str, beside: str) -> str | None:
        """Return the head of a branch, as GitHub tells it.

        It is asked for with the pull requests of the branch ``beside``.
        """

    def needs_pull(self, branch: str) -> bool:
        """Return whether a branch takes changes by pull request only.

        Where that cannot be told it is said to, which is always possible.
        """

    def pulls(self, branch: str) -> tuple[PullRequest, ...]:
        """Return all pull requests of a branch, newest first.

        Without checks and reviews.
        """


class ForgeSettings(Protocol):
    """What GitHub's checks need beyond what a release does. Writes nothing."""

    def credentials(self) -> Credentials:
        """Return what is known of the credentials."""

    def rulesets(self, target: str) -> tuple[Ruleset, ...] | None:
        """Return the rulesets in force for ``tag`` or ``branch``.

        `None` where the server cannot tell.
        """

    def branch_rules(self, branch: str) -> BranchRules:
        """Return how changes reach a branch."""

    def has_immutable_releases(self) -> bool:
        """Return whether published releases are locked for ever."""

    def secret_names(self) -> frozenset[str]:
        """Return the names of the secrets that workflows get."""

    def checks(self, commit: str) -> tuple[Check, ...]:
        """Return the checks and statuses of a commit."""

    def open_pulls(self) -> tuple[PullRequest, ...]:
        """Return every pull request that is open, without its checks."""

    def last_scheduled(self, path: str) -> WorkflowRun | None:
        """Return the last run that a schedule started, if there is one."""

    def runs_of_tag(self, tag: str) -> tuple[WorkflowRun, ...]:
        """Return the runs that were for a tag, whether it is there or not."""

    def may_write_contents(self, commit: str) -> bool:
        """Return whether contents may be written, without writing any."""

    def may_write_pulls(self, branch: str) -> bool:
        """Return whether pull requests may be opened, without opening one."""

    def has_releases(self) -> bool:
        """Return whether any release of the repository is published."""

    def starts_workflows(self) -> bool | None:
        """Return whether what these credentials do starts workflows.

        `None` where GitHub does not say.
        """


class Files(Protocol):
    """The files and the history of the commit to be released."""

    def text(self, path: str) -> str | None:
        """Return a file's text, or `None` if there is none."""

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of a folder's files."""

    def changed_at(self, path: str) -> datetime | None:
        """Return when a file was last changed, if there is one."""

    def added(
        self, since: str | None
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return what landed since a tag: subject and paths, newest first."""

    def differ(self, other: str, folder: str) -> bool:
        """Return whether a folder is otherwise at another revision."""

    def lock_updates(self) -> tuple[str, ...] | None:
        """Return what would change if all were locked anew.

        `None` where it cannot be told.
        """

    def lock_is_current(self, *, offline: bool) -> bool:
        """Return whether ``uv.lock`` fits to ``pyproject.toml``.

        Raises
        ------
        ReadError
            Raised if that cannot be told, and why.
        """


class Registry(Protocol):
    """Container registries, whichever an image names."""

    def look(self, image: Image) -> ImageReport:
        """Return what the registry says; an error there is ``unknown``."""

    def inspect(self, image: Image) -> ImageReport:
        """Return that, and what each platform's image says of itself.

        Its size, when it was built, and the commits that its labels and its
        provenance attestation name.
        """


class Digests(Protocol):
    """What the tags of images were seen to point to, by earlier looks."""

    def recall(self, tag: str) -> Mapping[str, str]:
        """Return the digests of a release's images by ``NAME:TAG``."""

    def record(self, tag: str, reports: Iterable[ImageReport]) -> None:
        """Keep what a release's tags point to. The last word counts."""


class DeployRepository(Pulls, Protocol):
    """The repository that says which versions are deployed."""

    @property
    def name(self) -> str:
        """Owner and name, or the directory of a checkout."""

    @property
    def is_local(self) -> bool:
        """Whether it is a checkout, which knows no pull requests."""

    def repository(self, branch: str = "") -> Repository:
        """Return what these credentials see of it.

        What is asked for next may concern ``branch``.
        """

    def fork(self) -> Fork:
        """Return the fork that whoever runs this has, or would have."""

    def branch(self, repository: str, branch: str) -> str | None:
        """Return the head of a branch, there or in a fork."""

    def paths(self, commit: str) -> tuple[str, ...]:
        """Return the path of every file of a commit."""

    def read(
        self, commit: str, paths: Sequence[str], repository: str | None = None
    ) -> Mapping[str, str]:
        """Return files, each exactly; those that are not there are left out.

        Parameters
        ----------
        commit
            The commit that has them.
        paths
            Their paths.
        repository
            The fork that the commit is in; `None`: it is in none.

        Raises
        ------
        BlockedError
            Raised if one is no text in UTF-8.
        """

    def scan(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Return many files to look at, which may not be exact."""

    def message(self, repository: str, commit: str) -> str:
        """Return the message of a commit. Untrusted text."""

    def contains(self, revision: str, commit: str) -> bool:
        """Return whether a revision has a commit in its history."""

    def may_write_pulls(self, branch: str) -> bool:
        """Return whether pull requests may be opened, without opening one."""

    def open_pulls(self) -> tuple[PullRequest, ...]:
        """Return every pull request that is open, without its checks."""

    def pulls_of(self, owner: str, branch: str) -> tuple[PullRequest, ...]:
        """Return all pull requests of a branch, newest first."""

    def make_fork(self, write: MakeFork) -> None:
        """Begin to fork it."""

    def push_files(self, write: PushFiles) -> None:
        """Put a branch at one new commit."""

    def edit_pull(self, write: EditPull) -> None:
        """Change what a pull request says, or close it."""


class ArgoCD(Protocol):
    """The Argo CD of each environment.

    Every method raises `~rsp_release.exceptions.NotAllowedError` where there
    are no credentials, or where they are over, refused or insufficient, with
    the command that logs in.
    """

    def application(
        self, target: Target, *, refresh: bool = False
    ) -> Application | None:
        """Return an application; `None` where there is none.

        Parameters
        ----------
        target
            Where to look. Without its project, Argo CD says of an application
            that is not there that it may not be seen.
        refresh
            Whether it is compared with git first; else the answer can be
            some minutes old. What differs is asked for with the rest.
        """

    def applications(
        self, address: str, *, environment: str
    ) -> Mapping[str, Application]:
        """Return all applications that may be seen, by name, in one request.

        Without their operations, histories, resources and conditions.

        Parameters
        ----------
        address
            The address of the Argo CD.
        environment
            The environment that it is of, for its credentials.
        """

    def unhealthy(self, target: Target) -> tuple[Resource, ...]:
        """Return what is degraded, missing or in progress, with reasons."""

    def windows(self, target: Target) -> tuple[SyncWindow, ...]:
        """Return the windows that stand in the way of a sync now."""

    def sync(self, write: SyncApplication) -> None:
        """Begin a sync to what the application follows.

        Raises
        ------
        RefusedError
            Raised if Argo CD refuses it; ``is_duplicate`` says that another
            operation is running, which may be this one.
        NotAllowedError
            Raised if these credentials may not sync.
        NotSentError
            Raised if it never left this machine.
        UncertainError
            Raised if it is not known what became of it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside that a step may look at or write to."""

    git: Git
    forge: Forge
    registry: Registry
    clock: Clock
    changelog: Changelog
    deploy: DeployRepository | None = None
    """Where the release is deployed from; `None` where that is not set."""

    digests: Digests | None = None
    """What was recorded of images; `None` where nothing is kept."""

    settings: ForgeSettings | None = None
    """For the checks; without it, those that need it are left out."""

    files: Files | None = None
    """For the checks; without it, those that need it are left out."""

    argocd: ArgoCD | None = None
    """The Argo CD of each environment; `None` where none is looked at."""

    look: Memory | None = None
    """What the others remember; `None` where they ask each time."""


class Step(Protocol[Subject_contra]):
    """One sentence that the program makes true, and shows to be true.

    The subject is a `~rsp_release.models.Proposal` where the commit to tag is
    not known yet, and a `~rsp_release.models.Release` once it is pinned.
    """

    @property
    def key(self) -> str:
        """A short name that scripts may depend on."""

    @property
    def title(self) -> str:
        """What a person reads in the checklist."""

    def observe(self, subject: Subject_contra, world: World) -> Any:
        """Read what the decision needs; raise rather than guess."""

    def decide(self, subject: Subject_contra, seen: Any) -> Verdict:
        """Decide from what was seen; pure."""

    def act(self, change: Change, world: World) -> str | None:
        """Do exactly one external write; return what to tell of it."""

"""Rereads the entry of a version before that is tagged.

People may edit the entry in the pull request that brings it. Where it then
says another part than the one that was chosen, the maintainers were right and
the choice was wrong most of the time; so a person is asked.
"""

from __future__ import annotations

from shlex import quote

from ..exceptions import BlockedError, UsageError
from ..models import Blocked, ChangelogState, Proposal
from ..version.choose import History, Request, propose
from ..version.fragments import Fragment, Section, parts_of
from ..version.proposal import NextVersion
from ..version.values import parse_version
from .project import Project

__all__ = ["recheck"]

_WORDS_MOST = 200


def recheck(
    project: Project, proposal: Proposal, commit: str
) -> Blocked | None:
    """Look whether an entry still says what was chosen.

    Parameters
    ----------
    project
        What is released.
    proposal
        What is about to be released.
    commit
        The commit that would be tagged: the entry is read there.

    Returns
    -------
    Blocked or None
        What a person must decide; `None` where nothing contradicts.

    Raises
    ------
    ReadError
        Raised if the clone could not be read.
    """
    if proposal.is_prerelease or proposal.is_forced:
        return None
    state = project.world.changelog.look(commit, proposal.version)
    if not state.entry:
        return None
    history = project.read_history(proposal.commit)
    if history.previous is None or any(
        tag.name == proposal.tag for tag in history.tags
    ):
        # Nothing to raise; or another machine was quicker.
        return None
    answer, refusal = _read_entry(project, history, proposal, state)
    if answer is None:
        return None
    chosen = parse_version(proposal.version)
    now = parse_version(answer.next or "")
    if chosen is None or now is None:
        return None
    is_more = refusal is not None or now > chosen
    is_less = now < chosen
    if is_more or (is_less and _is_automatic(project, proposal, commit)):
        return _explain(proposal, commit, state, answer, refusal)
    return None


def _read_entry(
    project: Project,
    history: History,
    proposal: Proposal,
    state: ChangelogState,
) -> tuple[NextVersion | None, BlockedError | None]:
    """Choose as if the entry were what is pending.

    Returns the answer where the entry says plainly what it is, and why
    the branch would take no such release, where it would not.
    """
    parts, _ = parts_of(state.entry or "")
    path = state.path or ""
    if state.style == "scriv":
        fragment = Fragment(path, state.style, parts)
        history = history._replace(section=None, fragments=(fragment,))
    else:
        version = parse_version(proposal.version)
        section = Section(path, version, parts)
        history = history._replace(section=section, fragments=())
    refusal = None
    try:
        answer = propose(history, policy=project.config, request=Request())
    except BlockedError as e:
        refusal = e
        try:
            answer = propose(
                history,
                policy=project.config,
                request=Request(force=True),
            )
        except BlockedError:
            # It was named because nothing can be computed here.
            return None, None
    if answer.next is None or answer.confidence == "guess":
        return None, None
    return answer, refusal


def _is_automatic(project: Project, proposal: Proposal, commit: str) -> bool:
    """Return whether the version is what the changes asked for.

    Who named a part may raise more than the changes call for. In a clone
    that did not begin it, what stood there before the entry tells.
    """
    if proposal.asked is not None:
        return proposal.asked == "auto"
    if not project.world.git.has_parent(commit):
        return False
    try:
        answer = propose(
            project.read_history(f"{commit}~1"),
            policy=project.config,
            request=Request(),
        )
    except (BlockedError, UsageError):
        return False
    return answer.next == proposal.version


def _explain(
    proposal: Proposal,
    commit: str,
    state: ChangelogState,
    answer: NextVersion,
    refusal: BlockedError | None,
) -> Blocked:
    version = proposal.version
    said = next(
        (f": {r.text}" for r in answer.reasons if r.source == "fragment"), ""
    )
    if len(said) > _WORDS_MOST:
        said = f"{said[: _WORDS_MOST - 1]}…"
    if refusal is None:
        makes = f"that makes {answer.next}, and {version} was chosen"
        other = (
            f"or change its heading to {answer.next} and merge that; then"
            f" `rsp-release bump {answer.next}`"
        )
    else:
        makes = refusal.message
        other = "or remove it, merge that, and release from another branch"
    return Blocked(
        problem=f"the entry of {version} in {state.path}, as {commit[:10]}"
        f" has it, says {answer.bump}{said}; {makes}",
        help=f"`rsp-release resume {quote(proposal.tag)} --force` releases"
        f" {version} anyway\n{other}",
        question=f"Release it as {version} anyway?",
    )

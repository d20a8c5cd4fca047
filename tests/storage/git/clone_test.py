"""The clone and its remote: real git, and the sandbox's rules."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from rsp_release.exceptions import (
    BlockedError,
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    UncertainError,
    UsageError,
)
from rsp_release.models import PushTag
from rsp_release.models.naming import CLAIM
from rsp_release.storage.git.clone import GitClone, Sign
from rsp_release.storage.git.remote import Remote
from rsp_release.storage.git.repository import Repository

from ...support.service import NAME, Service, serve
from ...support.simulated import VirtualClock

TAG = "1.5.0"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve a service that no test changes."""
    with serve(tmp_path_factory.mktemp("shared")) as service:
        yield service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path / "service") as service:
        yield service


def _open(
    service: Service,
    *,
    token: str | None = None,
    sign: Sign = "auto",
    remote: str = "origin",
    directory: Path | None = None,
    server_url: str | None = None,
) -> GitClone:
    repository = Repository(
        directory or service.clone, environ=service.environ
    )
    found = Remote(
        repository,
        name=remote,
        server_url=server_url or service.box.server_url,
        token=token,
        clock=VirtualClock(),
        random=Random(0),
    )
    return GitClone(repository, found, sign=sign)


def _write(service: Service, tag: str = TAG) -> PushTag:
    commit = service.git("rev-parse", "HEAD").strip()
    return PushTag(
        tag=tag,
        commit=commit,
        branch="main",
        message=f"{tag}\n",
        claim=_ask_claim(service),
    )


def _ask_claim(service: Service) -> str:
    """Return what the claim is on the remote."""
    listed = service.git("ls-remote", str(service.remote), CLAIM)
    return listed.partition("\t")[0]


def _hook(service: Service, text: str) -> None:
    hook = service.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)


def test_facts_of_a_clone(shared: Service) -> None:
    git = _open(shared)
    head = shared.git("rev-parse", "HEAD").strip()
    assert git.head() == head
    assert git.branch() == git.default_branch() == "main"
    assert not git.is_shallow()
    assert git.uncommitted() == ()
    assert git.remote_branch("main") == head
    assert git.remote_branch("nowhere") is None
    assert git.remote_refs("main").unfetched == frozenset()
    assert git.root == shared.clone
    assert git.is_ancestor(f"{head}~1", head)
    assert not git.is_ancestor(head, f"{head}~1")
    assert git.has_parent(head)


def test_tags_are_peeled(shared: Service) -> None:
    git = _open(shared)
    commit = shared.git("rev-parse", "1.4.0^{commit}").strip()
    assert git.remote_tag("1.4.0") == git.local_tag("1.4.0") == commit
    assert git.remote_tag("9.9.9") is None
    assert git.local_tag("9.9.9") is None


def test_url_has_no_credentials(shared: Service) -> None:
    git = _open(shared)
    assert shared.box.token in shared.git("remote", "get-url", "origin")
    assert git.url == shared.box.git_url(NAME)


def test_pushed_tag_is_annotated_and_alone(service: Service) -> None:
    service.git("tag", "other")
    before = service.box.state.tags(NAME)
    git, write = _open(service), _write(service)
    git.push_tag(write)
    tags = service.box.state.tags(NAME)
    assert tags == {**before, TAG: write.commit}
    assert service.git("cat-file", "-t", TAG).strip() == "tag"
    git.push_tag(write)  # the same again changes nothing
    assert service.box.state.tags(NAME) == tags


def test_follow_tags_is_not_followed(service: Service) -> None:
    service.git("config", "push.followTags", "true")
    service.git("tag", "-a", "-m", "x", "another")
    _open(service).push_tag(_write(service))
    assert "another" not in service.box.state.tags(NAME)


def test_token_serves_where_the_url_has_none(service: Service) -> None:
    service.git("remote", "set-url", "origin", service.box.git_url(NAME))
    _open(service, token=service.box.token).push_tag(_write(service))
    assert TAG in service.box.state.tags(NAME)


def test_token_is_not_given_to_another_server(service: Service) -> None:
    service.git("remote", "set-url", "origin", service.box.git_url(NAME))
    git = _open(
        service,
        token=service.box.token,
        server_url="https://github.example",
    )
    with pytest.raises(NotAllowedError):
        git.push_tag(_write(service))
    assert git.local_tag(TAG) is None


def test_lost_race_is_a_duplicate(service: Service) -> None:
    service.git("push", "--quiet", "origin", f"HEAD~1:refs/tags/{TAG}")
    with pytest.raises(RefusedError) as e:
        _open(service).push_tag(_write(service))
    assert e.value.is_duplicate
    assert _open(service).local_tag(TAG) is None


_RULE = """
echo 'error: GH013: Repository rule violations found for refs/tags/1.5.0.' >&2
echo '- Cannot create ref due to creations being restricted.' >&2
exit 1
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_RULE, "creations being restricted"),
        ("echo 'not on a Friday' >&2; exit 1", "not on a Friday"),
        ("exit 1", "pre-receive hook declined"),
    ],
)
def test_refusal_has_the_remotes_words(
    service: Service, text: str, said: str
) -> None:
    _hook(service, text)
    git = _open(service)
    with pytest.raises(RefusedError) as e:
        git.push_tag(_write(service))
    assert said in e.value.message
    assert not e.value.is_duplicate
    if "GH013" in text:
        assert "ruleset" in (e.value.help or "")
    # What was refused leaves nothing behind.
    assert git.local_tag(TAG) is None


def test_own_hook_refuses(service: Service) -> None:
    hook = service.clone / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'tests fail' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RefusedError, match="tests fail"):
        _open(service).push_tag(_write(service))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset_after", UncertainError),
        ("bad_gateway_after", UncertainError),
        ("unauthorized", (NotAllowedError, UncertainError)),
    ],
)
def test_broken_push_is_uncertain(
    service: Service, fault: str, error: type[Exception]
) -> None:
    service.box.faults.when("POST", "git-receive-pack", fault, times=None)
    with pytest.raises(error):
        _open(service).push_tag(_write(service))


@pytest.mark.parametrize("fault", ["bad_gateway_before", "error_500"])
def test_push_that_was_not_begun_was_not_sent(
    service: Service, fault: str
) -> None:
    service.box.faults.when("GET", "info/refs", fault, times=None)
    with pytest.raises((NotSentError, UncertainError)):
        _open(service).push_tag(_write(service))
    assert TAG not in service.box.state.tags(NAME)


def test_unreachable_remote(service: Service) -> None:
    url = "http://127.0.0.1:9/o/n.git"
    service.git("remote", "set-url", "origin", url)
    git = _open(service)
    with pytest.raises(NotSentError):
        git.push_tag(_write(service))
    with pytest.raises(ReadError):
        git.remote_tag(TAG)
    assert git.local_tag(TAG) is None


def test_reads_are_tried_again(shared: Service) -> None:
    shared.box.faults.when("GET", "info/refs", "bad_gateway_before", times=2)
    assert _open(shared).remote_tag("1.4.0") is not None


def test_local_tag_elsewhere_is_never_moved(service: Service) -> None:
    service.git("tag", TAG, "HEAD~1")
    before = service.git("rev-parse", TAG)
    with pytest.raises(RefusedError):
        _open(service).push_tag(_write(service))
    assert service.git("rev-parse", TAG) == before


@pytest.mark.parametrize(
    "tag", ["--force", "a b", "a..b", "x:y", "x^{}", "-d", "a\nb", "*"]
)
def test_hostile_tag_names(service: Service, tag: str) -> None:
    before = service.box.state.tags(NAME)
    with pytest.raises(RefusedError):
        _open(service).push_tag(_write(service, tag))
    assert service.box.state.tags(NAME) == before


def test_signing_that_fails_is_told(service: Service) -> None:
    service.git("config", "user.signingKey", "/nonexistent.pub")
    service.git("config", "gpg.format", "ssh")
    with pytest.raises(RefusedError, match="cannot create tag") as e:
        _open(service, sign="always").push_tag(_write(service))
    assert "signingKey" in (e.value.help or "")


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"gpg.format": "ssh", "user.signingKey": "/nonexistent"},
         "no such key"),
        ({"gpg.format": "ssh"}, "no terminal for the key's passphrase"),
        ({"user.signingKey": "nobody@example.org"}, "no such key"),
    ],
)  # fmt: skip
def test_signing_is_tried_and_thrown_away(
    service: Service, tmp_path: Path, settings: dict[str, str], cause: str
) -> None:
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(key)],
        check=True,
    )
    (tmp_path / "gnupg").mkdir(0o700)
    settings = {"user.signingKey": str(key), **settings}
    for name, value in settings.items():
        service.git("config", name, value)
    environ = {
        **service.environ,
        "GNUPGHOME": str(tmp_path / "gnupg"),
        "SSH_ASKPASS": "/bin/false",
        "SSH_ASKPASS_REQUIRE": "force",
    }
    before = sorted((service.clone / ".git" / "objects").rglob("*"))
    git = _open(replace(service, environ=environ), sign="always")
    with pytest.raises(RefusedError, match=cause) as e:
        git.try_signing()
    assert "user.name" not in (e.value.help or "")
    assert _open(service, sign="never").try_signing() is False
    assert sorted((service.clone / ".git" / "objects").rglob("*")) == before


@pytest.mark.parametrize("hook", ["reference-transaction", "pre-push"])
def test_hooks_are_asked_before_anything_is_written(
    service: Service, hook: str
) -> None:
    git, commit = _open(service), service.git("rev-parse", "HEAD").strip()
    git.try_hooks(TAG, commit, lambda: None)
    path = service.clone / ".git" / "hooks" / hook
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        "if grep -q refs/tags; then echo 'not on a Saturday' >&2; exit 1; fi\n"
    )
    path.chmod(0o755)
    before = service.git("for-each-ref"), service.box.state.tags(NAME)
    with pytest.raises(BlockedError, match="not on a Saturday") as e:
        git.try_hooks(TAG, commit, lambda: None)
    assert hook in f"{e.value.message} {e.value.help}"
    after = service.git("for-each-ref"), service.box.state.tags(NAME)
    assert after == before


@pytest.mark.parametrize(
    ("where", "branch"),
    [("open", "main"), ("protected", f"rsp-release/changelog-{TAG}")],
)
def test_hook_is_asked_of_every_ref_before_a_release_begins(
    service: Service, where: str, branch: str
) -> None:
    """The entry's push is tried too, to where it has to go, by one push."""
    if where == "protected":
        service.box.protect(NAME, "main")
    told = service.clone.parent / "told"
    hook = service.clone / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nwhile read a new ref old; do echo $ref >> {told}\n"
        f"git log -1 --format=%s%n%P $new >> {told}; done\n"
        "echo 'JIRA-1 is not in the message' >&2; exit 1\n"
    )
    hook.chmod(0o755)
    before = service.summary, service.git("for-each-ref")
    asked = len(service.box.state.requests)
    with pytest.raises(BlockedError, match="JIRA-1") as e:
        service.bump()
    assert "pre-push" in (e.value.help or "")
    assert f"branch {branch} and tag {TAG}" in e.value.message
    commit = service.git("rev-parse", "HEAD").strip()
    made = [f"Update the change log for {TAG}", commit]
    assert told.read_text().splitlines() == [
        f"refs/heads/{branch}", *made, f"refs/tags/{TAG}", *made,
    ]  # fmt: skip
    assert (service.summary, service.git("for-each-ref")) == before
    asks = [
        r
        for r in service.box.state.requests[asked:]
        if r.query.get("service") == "git-receive-pack"
        and r.status is not None
        and r.status < 400
    ]
    # One lists the refs, and one is for the hook.
    assert len(asks) == 2
    made_here = service.git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"
    )
    count = service.git("rev-list", "--count", "--all").strip()
    assert made_here.count("commit") == int(count)


def test_remote_is_asked_to_be_pushed_to(service: Service) -> None:
    """A server that lets nobody write says so to whoever asks."""
    head = service.git("rev-parse", "HEAD").strip()
    hook = service.clone / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before = service.summary
    assert _open(service).try_push(TAG, head) is True
    # What is there already, others tell.
    assert _open(service).try_push("1.4.0", head) is True
    url = service.box.git_url(NAME)
    token = service.box.add_token({"contents": "read"}, "fine-grained")
    service.git(
        "remote", "set-url", "origin", url.replace("://", f"://x:{token}@")
    )
    with pytest.raises(NotAllowedError, match="not allowed to push") as e:
        _open(service).try_push(TAG, head)
    assert token not in e.value.message
    # What GitHub says of the token, the checks of the token tell.
    service.git("remote", "set-url", "origin", url)
    assert _open(service, token=token).try_push(TAG, head) is False
    assert service.summary == before


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: Permission to o/n.git denied to ada.",
        (
            "ERROR: The key you are authenticating with has been marked as"
            " read only."
        ),
        "ERROR: This repository was archived so it is read-only.",
        "fatal: remote error: access denied or repository not exported: /n",
        "git@github.com: Permission denied (publickey).",
    ],
)
def test_key_that_may_not_write(service: Service, said: str) -> None:
    ssh = service.clone.parent / "ssh"
    ssh.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    ssh.chmod(0o755)
    service.git("config", "core.sshCommand", str(ssh))
    service.git("remote", "set-url", "origin", "git@github.com:o/n.git")
    head = service.git("rev-parse", "HEAD").strip()
    with pytest.raises(NotAllowedError, match="not allowed to push"):
        _open(service, token="secret").try_push(TAG, head)


def test_what_an_ssh_server_says_is_told(service: Service) -> None:
    """Without the three lines that git adds, which tell nothing."""
    service.git("remote", "set-url", "origin", "/nonexistent/n.git")
    with pytest.raises(ReadError, match="does not appear to be a git repos"):
        _open(service).remote_tag("1.4.0")


def test_environment_of_signing(service: Service) -> None:
    """What signs has what it may need for that, and no token of GitHub's."""
    told = service.clone.parent / "told"
    gpg = service.clone.parent / "gpg"
    gpg.write_text(f"#!/bin/sh\nenv >> {told}\nexit 1\n")
    gpg.chmod(0o755)
    service.git("config", "gpg.program", str(gpg))
    service.git("config", "user.signingKey", "ada")
    token = service.environ["GITHUB_TOKEN"]
    environ = {
        **service.environ, "GH_TOKEN": token, "KEY_PASSPHRASE": "abc",
        "GNUPGHOME": "/keys",
    }  # fmt: skip
    service = replace(service, environ=environ)
    git = _open(service, token=token, sign="always")
    for act in (git.try_signing, lambda: git.push_tag(_write(service))):
        with pytest.raises(RefusedError):
            act()
        given = told.read_text()
        told.unlink()
        assert "KEY_PASSPHRASE=abc\n" in given
        assert "GNUPGHOME=/keys\n" in given
        assert token not in given


def test_tags_are_signed_where_git_signs(
    service: Service, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)],
        check=True,
    )
    service.git("config", "gpg.format", "ssh")
    service.git("config", "user.signingKey", f"{key}.pub")
    service.git("config", "tag.gpgSign", "true")
    _open(service).push_tag(_write(service))
    assert "BEGIN SSH SIGNATURE" in service.git("cat-file", "tag", TAG)
    _open(service, sign="never").push_tag(_write(service, "1.6.0"))
    assert "SIGNATURE" not in service.git("cat-file", "tag", "1.6.0")


def test_behind_and_uncommitted(service: Service, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(
        ["git", "clone", "--quiet", str(service.remote), str(other)],
        check=True,
        env=service.environ,
    )
    for args in (
        ["commit", "--quiet", "--allow-empty", "-m", "more"],
        ["tag", "new"],
        ["push", "--quiet", "origin", "main", "new"],
    ):
        subprocess.run(
            ["git", *args], cwd=other, check=True, env=service.environ
        )
    git = _open(service)
    head = git.remote_branch("main")
    assert head is not None
    assert head != git.head()
    assert git.is_ancestor(git.head(), head)  # it was fetched
    assert git.remote_refs("main").unfetched == {"new"}
    git.fetch_tag("new")
    assert git.local_tag("new") == head
    (service.clone / "README.md").write_text("changed\n")
    (service.clone / "untracked").write_text("new\n")
    assert git.uncommitted() == ("README.md",)


def test_shallow_and_detached(service: Service, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1",
         f"file://{service.remote}", str(shallow)],
        check=True,
        env=service.environ,
    )  # fmt: skip
    git = _open(service, directory=shallow)
    assert git.is_shallow()
    assert not git.has_parent(git.head())
    git.deepen()
    assert not git.is_shallow()
    assert git.has_parent(git.head())
    service.git("checkout", "--quiet", "--detach")
    assert _open(service).branch() is None


def test_journals_are_shared_by_worktrees(
    service: Service, tmp_path: Path
) -> None:
    service.git("worktree", "add", "--quiet", "-b", "b", str(tmp_path / "w"))
    main = _open(service).journals
    assert main == _open(service, directory=tmp_path / "w").journals
    assert main == service.clone / ".git" / "rsp-release"


def test_rewritten_url_is_the_one_that_is_pushed_to(service: Service) -> None:
    """GitPython's remotes have the URL as it is written."""
    service.git("remote", "set-url", "origin", "sq:o/n.git")
    service.git("config", "url.https://github.com/.insteadOf", "sq:")
    assert _open(service).url == "https://github.com/o/n.git"


def test_messages_in_other_encodings(service: Service) -> None:
    """GitPython reads every message as UTF-8."""
    (service.clone / "message").write_bytes("für alle\n".encode("latin-1"))
    service.git(
        "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "--quiet",
        "--allow-empty", "-F", "message",
    )  # fmt: skip
    git = _open(service)
    assert git.message(git.head()).strip() == "für alle"
    [commit] = git.commits(f"{git.head()}~1", git.head())
    assert commit.subject == "für alle"


def test_what_is_no_clone_is_told(shared: Service, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        _open(shared, directory=tmp_path)
    with pytest.raises(UsageError, match="no remote upstream"):
        _open(shared, remote="upstream")
    environ = {**shared.environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    with pytest.raises(ReadError, match="dubious ownership"):
        _open(replace(shared, environ=environ))


def test_files_and_commits(shared: Service) -> None:
    git = _open(shared)
    files = git.files(git.head(), ".github/workflows")
    assert list(files) == [".github/workflows/ci.yaml"]
    assert "release:" in files[".github/workflows/ci.yaml"]
    assert git.files(git.head(), "nowhere") == {}
    since = git.local_tag("1.4.0")
    commits = git.commits(since, git.head())
    count = shared.git("rev-list", "--count", "1.4.0..HEAD").strip()
    assert len(commits) == int(count)
    assert commits[0].hash == git.head()
    assert commits[0].subject == commits[0].message.split("\n")[0]

"""What denials say: each cause has a remedy, and GitHub's help arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from rsp_release.exceptions import (
    NotAllowedError,
    RateLimitedError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
)
from rsp_release.storage.github.answers import Answer, collect_messages, judge
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.graphql import query
from rsp_release.storage.github.http import GithubHttp

from ...support.registry import FakeClock
from ...support.scripted import Server, serve

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WEB = "https://github.example"
SSO = f"{WEB}/orgs/acme/sso?authorization_request=AZSCKtL4U8yX1H3sCQI-Vn_Z%3D"
PATH = "/repos/acme/app/releases"


CORRECT = (
    "Although you appear to have the correct authorization credentials, the"
    " `acme` organization has"
)


def _judge(
    status: int,
    said: str = "no",
    *,
    path: str = PATH,
    page: str | None = None,
    is_read: bool = False,
    has_token: bool = True,
    **headers: str,
) -> ReleaseError:
    data = {"message": said, "documentation_url": page}
    answer = Answer(
        status=status,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
        data=data,
        problem="",
        said=collect_messages(data),
    )
    with pytest.raises(ReleaseError) as raised:
        judge(
            answer,
            path,
            is_read=is_read,
            has_token=has_token,
            web_url=WEB,
            now=NOW,
        )
    return raised.value


DENIALS = {
    f"{CORRECT} an IP allow list enabled, and your IP address is not permitted"
    " to access this resource.": "run it from an address on the organization's"
    " IP allow list",
    "`acme` forbids access via a personal access token (classic). Please use a"
    " GitHub App, OAuth App, or a personal access token with fine-grained"
    " permissions.": "use a fine-grained personal access token, or a GitHub",
    "The 'acme' organization forbids access via a fine-grained personal access"
    " tokens if the token's lifetime is greater than 366 days.": "use a token"
    " that expires sooner",
    "`acme` forbids access via a fine-grained personal access token.": "have"
    " an owner allow fine-grained tokens",
    f"{CORRECT} enabled OAuth App access restrictions, meaning that data"
    " access to third-parties is limited.": "have an owner of the organization"
    " approve the app",
    "Maximum number of login attempts exceeded. Please try again"
    " later.": "wait some minutes",
    "Sorry. Your account was suspended.": "ask GitHub's support",
    "Repository was archived so is read-only.": "unarchive",
}


@pytest.mark.parametrize(("said", "help"), DENIALS.items())
@pytest.mark.parametrize("is_read", [True, False])
def test_each_denial_has_its_remedy(
    said: str, help: str, *, is_read: bool
) -> None:
    error = _judge(403, said, is_read=is_read)
    assert isinstance(error, NotAllowedError)
    assert said[:150] in error.message
    assert help in (error.help or "")
    assert "permission" not in (error.help or "")


class TestPermissions:
    def test_what_github_names(self) -> None:
        needs = "contents=write,workflows=write; administration=read"
        error = _judge(
            403,
            "Resource not accessible by integration",
            x_accepted_github_permissions=needs,
        )
        assert error.help == (
            "the token needs Contents: write and Workflows: write"
            " or Administration: read"
        )

    def test_scopes(self) -> None:
        error = _judge(
            403,
            "Must have admin rights to Repository.",
            x_accepted_oauth_scopes="repo, public_repo",
            x_oauth_scopes="gist, read:org",
        )
        assert error.help == (
            "the token needs one of the scopes repo, public_repo, and has"
            " gist, read:org"
        )
        error = _judge(403, x_accepted_oauth_scopes="repo", x_oauth_scopes="")
        assert (error.help or "").endswith("scopes repo, and has none")

    @pytest.mark.parametrize(
        ("path", "permission"),
        [
            (PATH, "Contents: write"),
            ("/repos/acme/app/pulls?head=issues", "Pull requests: write"),
            ("/repos/acme/app/issues/1/labels", "Issues: write"),
            (
                "/repos/acme/app/actions/runs/1/rerun-failed-jobs",
                "Actions: write",
            ),
            (
                "/repos/acme/app/actions/runs/1/pending_deployments",
                "Deployments: write",
            ),
        ],
    )
    def test_by_the_path(self, path: str, permission: str) -> None:
        error = _judge(403, path=path)
        assert error.help == f"use a token with the permission {permission}"
        error = _judge(403, path=path, is_read=True)
        assert permission.replace("write", "read") in (error.help or "")

    def test_nonsense_is_not_shown(self) -> None:
        error = _judge(
            403,
            page="https://docs.github.com.evil.example/rest/x",
            x_accepted_github_permissions="a=b\x1b[31m",
            x_accepted_oauth_scopes="$(rm)\x07",
            x_github_request_id="::error::no",
        )
        assert (
            error.help
            == "the token needs one of the scopes rm, and has" + (" none")
        )


class TestHelpOfGithub:
    PAGE = "https://docs.github.com/rest/releases/releases#create-a-release"

    @pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
    @pytest.mark.parametrize("is_read", [True, False])
    def test_page_and_number(self, status: int, *, is_read: bool) -> None:
        error = _judge(
            status,
            page=self.PAGE,
            is_read=is_read,
            x_github_request_id="E1B2:3F0A:12AB34:CD56EF:6553A0B1",
        )
        *_, page, number = (error.help or "").splitlines()
        assert page == f"see {self.PAGE}"
        assert number.endswith("request E1B2:3F0A:12AB34:CD56EF:6553A0B1")

    def test_refusal(self) -> None:
        error = _judge(422, page=self.PAGE, x_github_request_id="E1B2:3F0A")
        assert isinstance(error, RefusedError)
        assert error.url == self.PAGE
        assert error.message == "GitHub refused: no (request E1B2:3F0A)"

    def test_general_page(self) -> None:
        error = _judge(500, page="https://docs.github.com/rest")
        assert error.help == "see https://www.githubstatus.com"


class TestSingleSignOn:
    @pytest.mark.parametrize("status", [401, 403, 404])
    @pytest.mark.parametrize("is_read", [True, False])
    def test_address(self, status: int, *, is_read: bool) -> None:
        error = _judge(
            status,
            "Resource protected by organization SAML enforcement.",
            is_read=is_read,
            x_github_sso=f"required; url={SSO}",
        )
        assert isinstance(error, NotAllowedError)
        assert error.help == f"authorize the token: {SSO}"
        assert error.url == SSO

    @pytest.mark.parametrize(
        "given",
        [
            "required",
            SSO.replace(WEB, "required; url=https://evil.example"),
            SSO.replace(WEB, f"required; url={WEB}.evil.example"),
            f"required; url={WEB}/login?return_to=x",
            f"required; url={SSO}\x1b]0;x",
            f"required; url=javascript:{SSO}",
        ],
    )
    def test_other_shape(self, given: str) -> None:
        error = _judge(403, x_github_sso=given)
        assert error.url == f"{WEB}/settings/tokens"
        assert error.help == f"authorize the token: {error.url}"

    def test_partial_results_are_no_denial(self) -> None:
        error = _judge(403, x_github_sso="partial-results; organizations=1")
        assert "single sign-on" not in error.message


class TestLimits:
    def test_primary(self) -> None:
        headers: dict[str, Any] = {
            "x_ratelimit_remaining": "0",
            "x_ratelimit_reset": str(int(NOW.timestamp()) + 90),
        }
        error = _judge(403, "API rate limit exceeded", **headers)
        assert isinstance(error, RateLimitedError)
        assert error.message.startswith("GitHub's rate limit: waiting until")
        assert error.message.endswith("12:01:31 UTC")
        assert error.help == "wait, or use another token"
        error = _judge(403, has_token=False, **headers)
        assert (error.help or "").startswith("set GITHUB_TOKEN")

    def test_secondary(self) -> None:
        said = "You have exceeded a secondary rate limit."
        error = _judge(403, said)
        assert error.message.startswith("GitHub's secondary rate limit: ")
        assert "less at the same time" in (error.help or "")
        error = _judge(429, retry_after="30", x_ratelimit_remaining="4000")
        assert error.message.startswith("GitHub's secondary rate limit: ")


class TestToken:
    def test_wrong(self) -> None:
        error = _judge(401, "Bad credentials")
        assert "clock" not in (error.help or "")
        assert "GITHUB_TOKEN" in (error.help or "")

    @pytest.mark.parametrize(
        ("date", "told"),
        [
            ("Fri, 01 May 2026 11:50:00 GMT", "which is 10 min ahead of"),
            ("Fri, 01 May 2026 13:00:00 GMT", "which is 60 min behind"),
            ("Fri, 01 May 2026 11:58:00 GMT", ""),
            ("yesterday", ""),
        ],
    )
    def test_clock(self, date: str, told: str) -> None:
        error = _judge(401, "Bad credentials", date=date)
        assert told in (error.help or "")
        assert ("clock" in (error.help or "")) is bool(told)

    def test_none(self) -> None:
        assert "gh auth login" in (_judge(401, has_token=False).help or "")


# -- By requests -------------------------------------------------------------

PAGE = b"<!doctype html><html><head><title>Welcome to ACME</title>"


def _make(server: Server) -> GithubHttp:
    return GithubHttp(
        api_url=server.url,
        token="ghp_x",
        clock=FakeClock(),
        random=Random(0),
        environ={},
    )


@pytest.mark.parametrize("kind", ["text/html", ""])
@pytest.mark.parametrize(
    ("path", "ask", "error"),
    [
        ("/x", lambda http: http.ask("GET", "/x"), ReadError),
        ("/x", lambda http: http.get("/x"), ReadError),
        ("/x", lambda http: http.raw_items("/x"), ReadError),
        ("/x", lambda http: http.ask("POST", "/x", {}), UncertainError),
        (
            "/graphql",
            lambda http: query(http, "query { viewer { login } }", {}),
            ReadError,
        ),
    ],
    ids=["read", "find", "list", "write", "question"],
)
def test_captive_page(
    kind: str,
    path: str,
    ask: Callable[[GithubHttp], object],
    error: type[ReleaseError],
) -> None:
    with serve() as server, closing(_make(server)) as http:
        headers = {"Content-Type": kind} if kind else {}
        server.answers[path] = [(200, headers, PAGE)]
        with pytest.raises(error) as raised:
            ask(http)
    assert raised.value.message == (
        'GitHub\'s answer cannot be used: it is a web page, "Welcome to ACME"'
    )


class TestAbsentRepository:
    """It is gone, private or behind single sign-on; GitHub tells not which."""

    @pytest.mark.parametrize(
        "read",
        [
            lambda forge: forge.repository(),
            lambda forge: forge.releases("1.0.0"),
            lambda forge: forge.open_pulls(),
            lambda forge: forge.has_releases(),
        ],
    )
    def test_three_causes(self, read: Callable[[Any], object]) -> None:
        with serve() as server, closing(_make(server)) as http:
            forge = GithubForge(http=http, repository="acme/app")
            with pytest.raises(NotAllowedError) as raised:
                read(forge)
            web = http.web_url
        assert raised.value.message == (
            "there is no repository acme/app, or these credentials may not"
            " see it"
        )
        gone, private, sso = (raised.value.help or "").splitlines()
        assert gone.startswith(f"gone or renamed: see if {web}/acme/app is")
        assert private.startswith("private: ")
        assert f"for acme at {web}/settings/tokens" in sso

    def test_something_else_is_missing(self) -> None:
        with serve() as server, closing(_make(server)) as http:
            server.say("/repos/acme/app", {"full_name": "acme/app"})
            with pytest.raises(ReadError, match="404"):
                http.ask("GET", "/repos/acme/app/nothing")
            with pytest.raises(ReadError, match="404"):
                http.raw_items("/repos/acme/app/nothing")

    def test_single_sign_on_wins(self) -> None:
        with serve() as server, closing(_make(server)) as http:
            body = json.dumps({"message": "Not Found"}).encode()
            url = f"{http.web_url}/orgs/acme/sso?authorization_request=A"
            headers = {"X-GitHub-SSO": f"required; url={url}"}
            for path in ("", "/releases"):
                server.answers[f"/repos/acme/app{path}"] = [
                    (404, headers, body)
                ]
            forge = GithubForge(http=http, repository="acme/app")
            with pytest.raises(NotAllowedError) as raised:
                forge.has_releases()
        assert raised.value.url == url

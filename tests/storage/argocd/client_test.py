"""Asking an Argo CD that answers as a test tells it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest

from rsp_release.engine.look import Look, side_by_side
from rsp_release.exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
)
from rsp_release.models import SyncApplication
from rsp_release.models.rollout import Application, SyncWindow, Target
from rsp_release.storage.argocd import client as module
from rsp_release.storage.argocd.client import ArgoCDClient
from tests.support.registry import FakeClock, free_port
from tests.support.scripted import Server, serve

from .applications import COMMIT, make_application, make_error
from .credentials_test import jwt, keep

PREFIX = "/argo-cd/api/v1/applications"
PATH = f"{PREFIX}/nublado"
TOKEN = jwt(iss="argocd", sub="robot", exp=1893456000)
HERE = "ARGOCD_AUTH_TOKEN_IDFDEV"
DENIED = make_error(7, "permission denied")
PAGE = b"<!doctype html><html><head><title>Argo CD</title></head></html>"


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


Make = Callable[..., ArgoCDClient]


@pytest.fixture
def make(clock: FakeClock) -> Iterator[Make]:
    made: list[ArgoCDClient] = []

    def make(*, look: Look | None = None, **environ: str) -> ArgoCDClient:
        made.append(ArgoCDClient(environ=environ, clock=clock, look=look))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def argocd(make: Make) -> ArgoCDClient:
    return make(ARGOCD_AUTH_TOKEN_IDFDEV=TOKEN)


def target(server: Server, **given: str) -> Target:
    values = {"environment": "idfdev", "application": "nublado", **given}
    return Target(argocd=f"{server.url}/argo-cd", **values)


def raw(
    server: Server, path: str, status: int, body: bytes, **headers: str
) -> None:
    server.answers.setdefault(path, []).append((status, headers, body))


# -- Applications -------------------------------------------------------------


def test_application(server: Server, argocd: ArgoCDClient) -> None:
    server.say(PATH, make_application())
    found = argocd.application(target(server))
    assert isinstance(found, Application)
    assert (found.name, found.revisions) == ("nublado", (COMMIT,))
    [(verb, path, headers)] = server.asked
    assert (verb, path) == ("GET", PATH)
    assert headers["authorization"] == f"Bearer {TOKEN}"


def test_everything_that_names_an_application(
    server: Server, argocd: ArgoCDClient
) -> None:
    server.say(PATH, make_application())
    server.say(f"{PATH}/resource-tree", {"nodes": []})
    server.say(f"{PATH}/syncwindows", {"canSync": True})
    named = target(server, namespace="apps", project="rsp")
    argocd.application(named, refresh=True)
    argocd.unhealthy(named)
    argocd.windows(named)
    assert [path for _, path, _ in server.asked] == [
        f"{PATH}?refresh=normal&appNamespace=apps&project=rsp",
        f"{PATH}/resource-tree?appNamespace=apps&project=rsp",
        f"{PATH}/syncwindows?appNamespace=apps&project=rsp",
    ]


def test_nobody_is_asked_for_a_token(server: Server, make: Make) -> None:
    """An Argo CD can let everybody look."""
    server.say(PATH, make_application())
    assert make().application(target(server)) is not None
    assert "authorization" not in server.asked[0][2]


def test_absence_is_argocds_own_answer(
    server: Server, argocd: ArgoCDClient
) -> None:
    message = 'applications.argoproj.io "nublado" not found'
    server.say(PATH, make_error(5, message), status=404)
    server.say(f"{PATH}/resource-tree", make_error(5, message), status=404)
    named = target(server, project="rsp")
    assert argocd.application(named) is None
    with pytest.raises(ReadError, match="no application nublado in project"):
        argocd.unhealthy(named)


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (404, b"default backend - 404", "answered 404, but not as Argo CD"),
        (404, b"", "answered 404, but not as Argo CD"),
        (404, b'{"message": "Not Found"}', "answered 404, but not as Argo CD"),
        (404, PAGE, '404, but not as Argo CD does: it is a web page, "Argo'),
        (404, make_error(5, "Not Found"), "answered 404: Not Found"),
        (
            404,
            make_error(5, 'applications.argoproj.io "n" not found'),
            "answered 404: applications",
        ),
        (403, b"<html>403 Forbidden</html>", "answered 403, but not as Argo"),
        (400, make_error(3, "bad"), "answered 400: bad"),
        (
            500,
            make_error(2, "application refresh deadline exceeded"),
            "answered 500: application refresh deadline exceeded",
        ),
        (200, PAGE, 'cannot be used: it is a web page, "Argo CD"'),
        (200, b"", "cannot be used: it is not JSON"),
        (200, b"ok", "cannot be used: it is not JSON"),
        (200, b"null", "cannot be used: it is no object"),
        (200, [make_application()], "cannot be used: it is no object"),
        (200, b"{}", "cannot be used: it is no application"),
        (200, make_application("other"), "used: it is no application"),
        (200, b"[" * 100_000, "cannot be used: it is nested too deeply"),
        (200, b"{" + b"1," * 1_000_001, "used: it holds too many values"),
    ],
)
def test_what_tells_nothing(
    server: Server,
    argocd: ArgoCDClient,
    status: int,
    body: Any,
    problem: str,
) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    raw(server, PATH, status, text)
    for asked in (target(server), target(server, project="rsp")):
        with pytest.raises(ReadError) as caught:
            argocd.application(asked)
        assert problem in caught.value.message
        assert "idfdev" in caught.value.message
    assert len(server.asked) == 2


def test_page_of_a_login(server: Server, argocd: ArgoCDClient) -> None:
    raw(server, PATH, 200, PAGE, **{"Content-Type": "text/html"})
    with pytest.raises(ReadError) as caught:
        argocd.application(target(server))
    assert 'it is a web page, "Argo CD"' in caught.value.message
    assert f"open {server.url}/argo-cd in a browser" in (
        caught.value.help or ""
    )


def test_redirect_to_a_login(server: Server, argocd: ArgoCDClient) -> None:
    """Nobody is followed there, and the token is not sent on."""
    with serve() as other:
        raw(server, PATH, 302, b"", Location=f"{other.url}/login")
        with pytest.raises(ReadError) as caught:
            argocd.application(target(server))
        host = other.url.removeprefix("http://")
        assert f"redirects to {host}" in caught.value.message
        assert "asks for a login" in (caught.value.help or "")
        assert other.asked == []


# -- Who may look -------------------------------------------------------------


def test_application_that_may_not_be_seen_or_is_not_there(
    server: Server, argocd: ArgoCDClient
) -> None:
    server.say(PATH, DENIED, status=403)
    with pytest.raises(NotAllowedError) as caught:
        argocd.application(target(server))
    assert caught.value.message == (
        "the Argo CD of idfdev does not show nublado: it is not there, or you"
        " may not see it"
    )
    assert "with its project in the settings" in (caught.value.help or "")
    with pytest.raises(NotAllowedError) as caught:
        argocd.application(target(server, project="rsp"))
    assert "in the settings" not in (caught.value.help or "")


def login(server: Server) -> str:
    host = server.url.removeprefix("http://")
    return (
        f"argocd login {host} --grpc-web-root-path /argo-cd --plaintext --sso"
    )


def test_no_credentials(server: Server, make: Make) -> None:
    server.say(PATH, make_error(16, "no session information"), status=401)
    with pytest.raises(NotAllowedError) as caught:
        make().application(target(server))
    assert caught.value.message.startswith(
        "no credentials for the Argo CD of idfdev (127.0.0.1:"
    )
    assert caught.value.help == f"log in: {login(server)}"


def test_token_that_is_not_accepted(
    server: Server, make: Make, tmp_path: Path
) -> None:
    said = "invalid session: signature is invalid: tok-en"
    server.say(PATH, make_error(16, said), status=401)
    argocd = make(ARGOCD_AUTH_TOKEN_IDFDEV="tok-en")
    with pytest.raises(NotAllowedError) as caught:
        argocd.application(target(server))
    assert caught.value.message == (
        "the Argo CD of idfdev does not accept the token from"
        " ARGOCD_AUTH_TOKEN_IDFDEV: invalid session: signature is invalid: ***"
    )
    assert caught.value.help == (
        "renew ARGOCD_AUTH_TOKEN_IDFDEV, or unset it and log in:"
        f" {login(server)}"
    )


def test_token_that_is_over_is_not_sent(
    server: Server, make: Make, clock: FakeClock, tmp_path: Path
) -> None:
    host = server.url.removeprefix("http://")
    over = jwt(exp=clock.now().timestamp())
    keep(
        tmp_path,
        f"""\
contexts: [{{name: a, server: "{host}", user: b}}]
servers: [{{server: "{host}", plain-text: true, grpc-web-root-path: argo-cd}}]
users: [{{name: b, auth-token: {over}}}]
""",
    )
    argocd = make(ARGOCD_CONFIG_DIR=str(tmp_path))
    reads: list[Callable[[], object]] = [
        lambda: argocd.application(target(server)),
        lambda: argocd.applications(
            target(server).argocd, environment="idfdev"
        ),
        lambda: argocd.sync(SyncApplication(target=target(server), marker="")),
    ]
    for read in reads:
        with pytest.raises(NotAllowedError) as caught:
            read()
        assert caught.value.message == (
            "the token for the Argo CD of idfdev, from argocd's"
            " configuration, expired on 2026-05-01 at 12:00 UTC"
        )
        assert caught.value.help == f"log in: {login(server)}"
    assert server.asked == []


# -- Silence and faults -------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_read_is_tried_again(
    server: Server, argocd: ArgoCDClient, clock: FakeClock, status: int
) -> None:
    raw(server, PATH, status, b"upstream connect error")
    server.say(PATH, make_application())
    assert argocd.application(target(server)) is not None
    assert clock.slept == [0.25]


def test_fault_that_lasts(server: Server, argocd: ArgoCDClient) -> None:
    raw(server, PATH, 502, b"<html><title>502 Bad Gateway</title></html>")
    with pytest.raises(ReadError) as caught:
        argocd.application(target(server))
    assert caught.value.message == (
        'the Argo CD of idfdev answered 502: it is a web page, "502 Bad'
        ' Gateway"'
    )
    assert (caught.value.help or "").startswith("run it again; if that")
    assert len(server.asked) == 4


def test_nobody_there(argocd: ArgoCDClient) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    asked = Target(environment="idfdev", argocd=address, application="a")
    with pytest.raises(
        ReadError, match=r"idfdev: 127\.0\.0\.1:[0-9]+ refused"
    ):
        argocd.application(asked)
    with pytest.raises(
        NotSentError, match=r"idfdev: 127\.0\.0\.1:[0-9]+ refused"
    ):
        argocd.sync(SyncApplication(target=asked, marker="m"))


def test_silent_environment_costs_its_own_row_alone(
    server: Server, make: Make, clock: FakeClock, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.4)
    server.say(PATH, make_application())
    argocd = make(look=Look(clock))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        places = [f"http://127.0.0.1:{port}", target(server).argocd]

        def read(address: str) -> Application | str | None:
            asked = Target(
                environment="e", argocd=address, application="nublado"
            )
            try:
                return argocd.application(asked)
            except ReleaseError as e:
                return e.message

        begun = time.monotonic()
        reads = [lambda a=a: read(a) for a in places]
        with side_by_side(Look(clock), reads) as waits:
            told, found = (wait() for wait in waits)
        taken = time.monotonic() - begun
    assert told == (
        f"the Argo CD of e (127.0.0.1:{port}) did not answer within 0.4 s"
    )
    assert isinstance(found, Application)
    # It is asked once: all attempts together have the one limit.
    assert 0.4 <= taken < 2


def test_drip_has_the_same_limit(
    server: Server, argocd: ArgoCDClient, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.3)

    def drip(file: Any) -> None:
        with suppress(OSError):
            while True:
                file.write(b" ")
                time.sleep(0.02)

    server.answers[PATH] = [(200, {}, drip)]
    with pytest.raises(ReadError, match=r"did not answer within 0\.3 s"):
        argocd.application(target(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "a?b", "../sync", "A", "a\n", "a%2fb"]
)
def test_what_is_no_application(
    server: Server, argocd: ArgoCDClient, name: str
) -> None:
    with pytest.raises(ReadError, match="not the name of an application"):
        argocd.application(target(server, application=name))
    assert server.asked == []


@pytest.mark.parametrize("address", ["https://data example", "argo-cd", ""])
def test_what_is_no_address(argocd: ArgoCDClient, address: str) -> None:
    asked = Target(environment="e", argocd=address, application="a")
    with pytest.raises(ReadError, match="not the address of an Argo CD"):
        argocd.application(asked)


# -- Lists --------------------------------------------------------------------


def test_applications(server: Server, argocd: ArgoCDClient) -> None:
    listed = [make_application("gafaelfawr"), make_application("nublado")]
    elsewhere = make_application("nublado")
    elsewhere["metadata"]["namespace"] = "other"
    server.say(PREFIX, {"metadata": {}, "items": [*listed, elsewhere]})
    address = target(server).argocd
    found = argocd.applications(address, environment="idfdev")
    assert list(found) == ["gafaelfawr", "nublado"]
    assert found["nublado"].namespace == "argocd"
    [(_, path, headers)] = server.asked
    assert headers["authorization"] == f"Bearer {TOKEN}"
    fields = path.removeprefix(f"{PREFIX}?fields=").split("%2C")
    assert "items.metadata.name" in fields
    assert "items.status.summary" in fields
    assert not any("resources" in field for field in fields)


def test_applications_cut_down(server: Server, argocd: ArgoCDClient) -> None:
    """What the server leaves of one by `fields`."""
    item = make_application()
    cut = {
        "metadata": {"name": "nublado", "namespace": "argocd"},
        "spec": {"project": "rsp", "source": item["spec"]["source"]},
        "status": {
            "summary": item["status"]["summary"],
            "sync": {"status": "Synced", "revision": COMMIT},
            "health": {"status": "Healthy"},
            "operationState": {"phase": "Succeeded"},
        },
    }
    server.say(PREFIX, {"metadata": {}, "items": [cut]})
    [found] = argocd.applications(
        target(server).argocd, environment="idfdev"
    ).values()
    assert (found.sync, found.health) == ("Synced", "Healthy")
    assert found.images == ("ghcr.io/lsst-sqre/nublado-controller:8.2.0",)
    assert found.revisions == (COMMIT,)
    assert found.operation is not None
    assert found.operation.phase == "Succeeded"


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ({}, "it is no list"),
        ([{}], "what is no application"),
        ([1], "what is no application"),
    ],
)
def test_list_that_is_none(
    server: Server, argocd: ArgoCDClient, items: Any, problem: str
) -> None:
    server.say(PREFIX, {"items": items})
    with pytest.raises(ReadError, match=problem):
        argocd.applications(target(server).argocd, environment="idfdev")


def test_no_applications(server: Server, argocd: ArgoCDClient) -> None:
    server.say(PREFIX, {"metadata": {}, "items": None})
    address = target(server).argocd
    assert argocd.applications(address, environment="idfdev") == {}


def test_list_that_may_not_be_seen(
    server: Server, argocd: ArgoCDClient
) -> None:
    server.say(PREFIX, DENIED, status=403)
    with pytest.raises(NotAllowedError, match="shows nothing: permission"):
        argocd.applications(target(server).argocd, environment="idfdev")


# -- Reasons and windows ------------------------------------------------------


def test_unhealthy(server: Server, argocd: ArgoCDClient) -> None:
    said = 'Back-off pulling image "ghcr.io/lsst-sqre/nublado:8.2.0"'
    pod = {
        "version": "v1",
        "kind": "Pod",
        "namespace": "nublado",
        "name": "controller-5d4f8c7b9-x2x4z",
        "uid": "1",
        "health": {"status": "Degraded", "message": said},
    }
    server.say(f"{PATH}/resource-tree", {"nodes": [pod]})
    [found] = argocd.unhealthy(target(server))
    assert (found.kind, found.health, found.message) == (
        "Pod",
        "Degraded",
        said,
    )


def window(kind: str, schedule: str, **given: Any) -> dict[str, Any]:
    return {"kind": kind, "schedule": schedule, "duration": "2h", **given}


def test_nothing_in_the_way(server: Server, argocd: ArgoCDClient) -> None:
    denying = window("deny", "0 11 * * *", manualSync=True)
    server.say(
        f"{PATH}/syncwindows",
        {
            "canSync": True,
            "activeWindows": [denying],
            "assignedWindows": [denying],
        },
    )
    assert argocd.windows(target(server)) == ()
    assert len(server.asked) == 1


def test_window_that_denies(server: Server, argocd: ArgoCDClient) -> None:
    """It is noon: the window that opened at eleven closes at one."""
    manual = window("deny", "0 10 * * *", manualSync=True)
    denying = window("deny", "0 11 * * *")
    allowing = window("allow", "0 * * * *")
    server.say(
        f"{PATH}/syncwindows",
        {
            "canSync": False,
            "activeWindows": [manual, denying, allowing],
            "assignedWindows": [manual, denying, allowing],
        },
    )
    server.say(PATH, make_application())
    zoned = {**denying, "timeZone": "", "applications": ["*"]}
    server.say(
        "/argo-cd/api/v1/projects/rsp", {"spec": {"syncWindows": [zoned]}}
    )
    assert argocd.windows(target(server)) == (
        SyncWindow(
            kind="deny",
            schedule="0 11 * * *",
            duration="2h",
            until=datetime(2026, 5, 1, 13, tzinfo=UTC),
        ),
    )
    assert len(server.asked) == 3


def test_windows_that_allow(server: Server, argocd: ArgoCDClient) -> None:
    """No syncs but in the evening; in Tucson that is seven hours later."""
    allowing = [window("allow", "0 20 * * *"), window("allow", "0 22 * * *")]
    answer = {"canSync": False, "assignedWindows": allowing}
    server.say(f"{PATH}/syncwindows", answer)
    server.say(PATH, make_application())
    zoned = [{**allowing[0], "timeZone": "America/Phoenix"}, allowing[1]]
    server.say(
        "/argo-cd/api/v1/projects/rsp", {"spec": {"syncWindows": zoned}}
    )
    found = argocd.windows(target(server, project="rsp"))
    assert [(w.kind, w.until) for w in found] == [
        ("allow", datetime(2026, 5, 2, 3, tzinfo=UTC)),
        ("allow", datetime(2026, 5, 1, 22, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("status", "project"),
    [
        (403, DENIED),
        (200, {"spec": {"syncWindows": []}}),
        (200, {"spec": None}),
        (200, []),
    ],
)
def test_end_that_is_not_told(
    server: Server, argocd: ArgoCDClient, status: int, project: Any
) -> None:
    denying = window("deny", "0 11 * * *")
    answer = {"canSync": False, "activeWindows": [denying]}
    server.say(f"{PATH}/syncwindows", answer)
    server.say(PATH, make_application())
    server.say("/argo-cd/api/v1/projects/rsp", project, status=status)
    [found] = argocd.windows(target(server))
    assert (found.kind, found.until) == ("deny", None)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"canSync": None},
        {"canSync": False},
        {"canSync": False, "activeWindows": [1], "assignedWindows": "x"},
    ],
)
def test_windows_that_are_not_told(
    server: Server, argocd: ArgoCDClient, answer: Any
) -> None:
    server.say(f"{PATH}/syncwindows", answer)
    with pytest.raises(ReadError, match="it does not say"):
        argocd.windows(target(server))


# -- Syncing ------------------------------------------------------------------


def sync(argocd: ArgoCDClient, asked: Target, **given: Any) -> SyncApplication:
    write = SyncApplication(target=asked, marker="8.2.0 (a1b2)", **given)
    argocd.sync(write)
    return write


def test_sync(server: Server, argocd: ArgoCDClient) -> None:
    server.say(f"{PATH}/sync", make_application())
    write = sync(argocd, target(server))
    assert write.key == "sync nublado in idfdev (8.2.0 (a1b2))"
    [(verb, path, headers)] = server.asked
    assert (verb, path) == ("POST", f"{PATH}/sync")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    # The server takes nothing else (argo-cd, server.go).
    assert headers["content-type"] == "application/json"
    assert json.loads(server.bodies[0]) == {
        "name": "nublado",
        "prune": False,
        "infos": [{"name": "rsp-release", "value": "8.2.0 (a1b2)"}],
    }


def test_sync_that_prunes_and_forces(
    server: Server, argocd: ArgoCDClient
) -> None:
    server.say(f"{PATH}/sync", make_application())
    named = target(server, namespace="apps", project="rsp")
    sync(argocd, named, prunes=True, forces=True)
    body = json.loads(server.bodies[0])
    assert body["prune"] is True
    assert body["strategy"] == {"hook": {"force": True}}
    assert (body["appNamespace"], body["project"]) == ("apps", "rsp")


BUSY = "another operation is already in progress"
WRAPPED = (
    f"error setting app operation: rpc error: code = FailedPrecondition desc ="
    f" {BUSY}"
)
FOREIGN = "Cannot sync to main: auto-sync currently set to 1.x"
MISSING = 'applications.argoproj.io "nublado" not found'
RBAC = "permission denied: applications, sync, rsp/nublado, sub: robot"
OVER = "invalid session: token is expired"
IT = "nublado in idfdev"
REFUSES = "the Argo CD of idfdev refuses to sync nublado in idfdev: "
DISMISSES = "the Argo CD of idfdev does not accept the token from "
WINDOW = (403, 7, "cannot sync: blocked by sync window")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (WINDOW, RefusedError, f"a sync window keeps {IT} from being synced"),
        ((403, 7, RBAC), NotAllowedError, f"you may not sync {IT}: {RBAC}"),
        (
            (403, 7, "permission denied"),
            NotAllowedError,
            f"you may not sync {IT}: permission denied",
        ),
        (
            (400, 9, BUSY),
            RefusedError,
            f"another operation of {IT} is in progress",
        ),
        (
            (400, 9, WRAPPED),
            RefusedError,
            f"another operation of {IT} is in progress",
        ),
        (
            (400, 9, FOREIGN),
            RefusedError,
            f"Argo CD syncs {IT} by itself, and to nothing else: {FOREIGN}",
        ),
        ((400, 9, "no such x"), RefusedError, f"{REFUSES}no such x"),
        ((404, 5, MISSING), RefusedError, f"{REFUSES}{MISSING}"),
        ((401, 16, OVER), NotAllowedError, f"{DISMISSES}{HERE}: {OVER}"),
    ],
)
def test_refusals(
    server: Server,
    argocd: ArgoCDClient,
    answer: tuple[int, int, str],
    kind: type[ReleaseError],
    message: str,
) -> None:
    status, code, said = answer
    server.say(f"{PATH}/sync", make_error(code, said), status=status)
    with pytest.raises(kind) as caught:
        sync(argocd, target(server))
    assert type(caught.value) is kind
    assert caught.value.message == message
    is_duplicate = getattr(caught.value, "is_duplicate", False)
    assert is_duplicate is (BUSY in said)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, make_error(2, "error setting app operation"), UncertainError),
        (502, b"bad gateway", UncertainError),
        (503, make_error(14, "unavailable"), UncertainError),
        (504, b"", UncertainError),
        (200, b"", UncertainError),
        (200, b"ok", UncertainError),
        (200, make_application("other"), UncertainError),
        (200, PAGE, UncertainError),
        (302, b"", RefusedError),
        (403, b"<html>no</html>", RefusedError),
        (404, b"404 page not found", RefusedError),
        (415, b"Invalid content type", RefusedError),
    ],
)
def test_fate_of_a_sync(
    server: Server,
    argocd: ArgoCDClient,
    status: int,
    body: Any,
    kind: type[ReleaseError],
) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    kinds = {"Content-Type": "text/html"} if body is PAGE else {}
    raw(server, f"{PATH}/sync", status, text, **kinds)
    with pytest.raises(kind) as caught:
        sync(argocd, target(server))
    assert type(caught.value) is kind
    assert "idfdev" in caught.value.message
    assert len(server.asked) == 1


def test_answer_that_is_lost(server: Server, argocd: ArgoCDClient) -> None:
    def hang_up(file: Any) -> None:
        file.write(b"")

    length = {"Content-Length": "10"}
    server.answers[f"{PATH}/sync"] = [(200, length, hang_up)]
    with pytest.raises(UncertainError, match="idfdev"):
        sync(argocd, target(server))
    assert len(server.asked) == 1


# -- One look -----------------------------------------------------------------


def test_what_was_asked_is_not_asked_again_until_a_sync(
    server: Server, make: Make, clock: FakeClock
) -> None:
    server.say(PATH, make_application())
    server.say(f"{PATH}/sync", make_error(9, BUSY), status=400)
    argocd = make(look=Look(clock))
    for _ in range(3):
        argocd.application(target(server))
    assert len(server.asked) == 1
    argocd.application(target(server), refresh=True)
    assert len(server.asked) == 2
    with pytest.raises(RefusedError):
        sync(argocd, target(server))
    argocd.application(target(server))
    assert len(server.asked) == 4


def test_failure_is_an_answer_like_any_other(
    server: Server, make: Make, clock: FakeClock
) -> None:
    server.say(PATH, DENIED, status=403)
    argocd = make(look=Look(clock))
    for _ in range(3):
        with pytest.raises(NotAllowedError):
            argocd.application(target(server))
    assert len(server.asked) == 1


# -- Secrets ------------------------------------------------------------------


def test_token_is_in_no_error(server: Server, make: Make) -> None:
    """Whatever is answered, and whatever Argo CD says."""
    secret = "recognisable-token"
    argocd = make(ARGOCD_AUTH_TOKEN_IDFDEV=secret)
    for status in (200, 302, 401, 403, 500):
        page = f"<html><title>{secret}</title>".encode()
        error = json.dumps(make_error(9, f"no {secret}!")).encode()
        for body in (error, page):
            server.answers.clear()
            for path in (PATH, f"{PATH}/sync"):
                kind = "text/html" if len(server.asked) % 3 else "text/x"
                headers = {
                    "Location": f"https://u:{secret}@{secret}.invalid/",
                    "Content-Type": kind,
                }
                raw(server, path, status, body, **headers)
            for read in (
                lambda: argocd.application(target(server)),
                lambda: sync(argocd, target(server)),
            ):
                with pytest.raises(ReleaseError) as caught:
                    read()
                shown = "".join(format_exception(caught.value))
                assert secret not in f"{shown} {vars(caught.value)}"

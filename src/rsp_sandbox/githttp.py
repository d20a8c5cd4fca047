"""Git over smart HTTP, through git's own ``http-backend``."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

from .accounts import Token, basic
from .base import Request, Response
from .forge import Forge
from .git import git_environment, http_backend
from .records import Project
from .rights import may

__all__ = ["git_http"]

ROUTE = re.compile(
    r"/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?"
    r"/(?P<rest>info/refs|git-upload-pack|git-receive-pack|HEAD|objects/.*)"
)

_DECLINED = b"hook declined"


def git_http(box: Forge, request: Request) -> Response | None:
    """Answer a request of git, or return `None` if it is none."""
    match = ROUTE.fullmatch(request.path)
    if match is None:
        return None
    service = request.query.get("service", match["rest"])
    writes = service == "git-receive-pack"
    project = box.find(match["owner"], match["name"])
    token, refused = _who(box, request, project, writes=writes)
    if refused is not None or project is None:
        return refused
    if match["rest"].startswith(("objects/", "HEAD")):
        return _text(403, "dumb HTTP is not served\n")
    push = writes and request.method == "POST"
    if not push:
        return _run(project, request, match["rest"], token)
    with project.push_lock:
        with box.lock:
            box.notice(project)
            box.writing()
        response = _run(project, request, match["rest"], token)
        with box.lock:
            box.pushed(project, token)
        if _DECLINED in (response.body or b""):
            response.body = _reword(response.body or b"")
    return response


def _who(
    box: Forge, request: Request, project: Project | None, *, writes: bool
) -> tuple[Token | None, Response | None]:
    """Return who asks, or the refusal that they get."""
    value = request.header("authorization")
    token = None
    if value:
        token = box.accounts.find(basic(value)[1])
        if token is None:
            text = "remote: Invalid username or token.\n"
            return None, _challenge(text)
    if project is None:
        if token is None:
            # Whether it exists is not told to strangers.
            return None, _challenge("remote: Repository not found.\n")
        return None, _text(404, "remote: Repository not found.\n")
    if not writes and not project.is_private:
        return token, None
    if token is None:
        return None, _challenge("No anonymous write access.\n")
    refused = _forbidden(project, token, writes=writes)
    return (None, refused) if refused else (token, None)


def _forbidden(
    project: Project, token: Token, *, writes: bool
) -> Response | None:
    if not may(token, project, "contents", "read"):
        return _text(404, "remote: Repository not found.\n")
    if not writes:
        return None
    if not may(token, project, "contents", "write"):
        name = f"{project.owner}/{project.name}.git"
        text = f"remote: Permission to {name} denied to {token.login}.\n"
        return _text(403, text)
    if project.is_archived:
        text = "remote: This repository was archived so it is read-only.\n"
        return _text(403, text)
    return None


def _text(status: int, text: str) -> Response:
    headers = {"Content-Type": "text/plain; charset=UTF-8"}
    return Response(status, body=text.encode(), headers=headers)


def _challenge(text: str) -> Response:
    response = _text(401, text)
    response.headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
    return response


def _run(
    project: Project, request: Request, rest: str, token: Token | None
) -> Response:
    """Run http-backend as a CGI program."""
    path = project.git.path
    env = git_environment(
        {
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.raw_query,
            "CONTENT_TYPE": request.header("content-type"),
            "CONTENT_LENGTH": str(len(request.body)),
            "GIT_PROJECT_ROOT": str(path),
            "PATH_INFO": "/" + rest,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "RSP_SANDBOX_ACTOR": token.login if token else "",
        }
    )
    if token is not None:
        env["REMOTE_USER"] = token.login
    if coding := request.header("content-encoding"):
        env["HTTP_CONTENT_ENCODING"] = coding
    if protocol := request.header("git-protocol"):
        env["GIT_PROTOCOL"] = protocol
        env["HTTP_GIT_PROTOCOL"] = protocol
    done = subprocess.run(
        [str(http_backend())],
        input=request.body,
        capture_output=True,
        env=env,
        cwd=os.sep,
        check=False,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    response = Response(200, body=body)
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "status":
            response.status = int(value.split()[0])
        elif value:
            response.headers[name.strip()] = value.strip()
    if not head:
        return _text(500, "http-backend failed\n")
    return response


# GitHub's own words, where git's update hook would say less.
_REASONS = {
    b"GH013": b"push declined due to repository rule violations",
    b"GH006": b"protected branch hook declined",
}


def _packets(data: bytes) -> Iterator[bytes]:
    """Split what git sends into its packets; a flush is none."""
    while data:
        size = max(4, int(data[:4], 16))
        if size > 4:
            yield data[4:size]
        data = data[size:]


def _packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def _reword(body: bytes) -> bytes:
    """Say in the report of a push what GitHub says."""
    channels = {1: b"", 2: b""}
    for chunk in _packets(body):
        channels[chunk[0]] += chunk[1:]
    report = b""
    for line in _packets(channels[1]):
        told = line
        if line.startswith(b"ng ") and _DECLINED in line:
            ref = line.split(b" ")[1]
            for code, reason in _REASONS.items():
                if code in channels[2] and ref in channels[2]:
                    told = b"ng " + ref + b" " + reason + b"\n"
                    break
        report += _packet(told)
    channels[1] = report + b"0000"
    out = b""
    for channel in (2, 1):
        content = channels[channel]
        for start in range(0, len(content), 8000):
            out += _packet(bytes([channel]) + content[start : start + 8000])
    return out + b"0000"

"""Git over smart HTTP, through git's own ``http-backend``.

What rules forbid of a push is taken out of it before git sees it, and put
into its report: GitHub refuses ref by ref, too.
"""

from __future__ import annotations

import os
import re
import subprocess

from .accounts import Token, basic
from .base import Request, Response
from .forge import Forge
from .git import git_environment, http_backend
from .records import Project
from .rights import may
from .rules import refusal

__all__ = ["git_http"]

ROUTE = re.compile(
    r"/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?"
    r"/(?P<rest>info/refs|git-upload-pack|git-receive-pack)"
)


def git_http(box: Forge, request: Request) -> Response | None:
    """Answer a request of git, or return `None` if it is none."""
    match = ROUTE.fullmatch(request.path)
    if match is None:
        return None
    service = request.query.get("service", match["rest"])
    writes = service == "git-receive-pack"
    project = box.find(match["owner"], match["name"])
    moved = box.find_moved(match["owner"], match["name"])
    project = project or moved
    token, refused = _who(box, request, project, writes=writes)
    if refused is not None or project is None:
        return refused
    if project is moved and request.method == "GET":
        # git goes by the new name from its first request on.
        place = f"{project.full_name}.git/{match['rest']}"
        url = f"{box.server_url}/{place}?{request.raw_query}"
        return Response(301, body=b"", headers={"Location": url})
    push = writes and request.method == "POST"
    if not push:
        return _run(project, request, match["rest"], token)
    with project.push_lock:
        with box.lock:
            box.notice(project)
            box.writing()
            forbidden = _take_out(
                project, request, token.login if token else ""
            )
        response = _run(project, request, match["rest"], token)
        with box.lock:
            box.pushed(project, token)
        if forbidden:
            _report(response, forbidden)
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


def _packets(data: bytes) -> tuple[list[bytes], bytes]:
    """Split what git sends into its packets up to a flush, and the rest."""
    found = []
    while size := int(data[:4] or b"0", 16):
        found.append(data[4:size])
        data = data[size:]
    return found, data[4:]


def _packet(content: bytes) -> bytes:
    return b"%04x" % (len(content) + 4) + content


def _take_out(
    project: Project, request: Request, actor: str
) -> dict[str, tuple[str, str]]:
    """Take out of a push what rules forbid.

    Returns
    -------
    dict
        What the report says of each refused ref, and what is said beside it.
    """
    packets, pack = _packets(request.body)
    refused: dict[str, tuple[str, str]] = {}
    kept, wants = [], b""
    for packet in packets:
        command, _, given = packet.partition(b"\0")
        wants = wants or given
        # Beside commands there are lines that tell of a shallow clone.
        old, new, ref = [*command.decode().strip().split(" ", 2), "", ""][:3]
        before, after = (None if set(s) == {"0"} else s for s in (old, new))
        why = refusal(project, ref, before, after, actor)
        if why is None:
            kept.append(command)
        elif ref.removeprefix("refs/heads/") in project.protected:
            text = f"GH006: Protected branch update failed for {ref}."
            text += f"\nerror: {why}\n"
            refused[ref] = "protected branch hook declined", text
        else:
            text = f"GH013: Repository rule violations found for {ref}."
            text += f"\n\n- {why}\n\n"
            reason = "push declined due to repository rule violations"
            refused[ref] = reason, text
    if refused and b"atomic" in wants.split():
        for command in kept:
            ref = command.decode().strip().split(" ", 2)[-1]
            refused[ref] = "atomic push failure", ""
        kept = []
    if refused:
        if kept:
            kept[-1] += b"\0" + wants
        request.body = b"".join(map(_packet, kept)) + b"0000" + pack
    return refused


def _report(response: Response, refused: dict[str, tuple[str, str]]) -> None:
    """Tell of what was refused in git's report of a push."""
    chunks, _ = _packets(response.body or b"")
    told = b"".join(chunk[1:] for chunk in chunks if chunk[0] == 1)
    lines = _packets(told)[0] or [b"unpack ok\n"]
    body = b"".join(_packet(chunk) for chunk in chunks if chunk[0] == 2)
    for ref, (reason, text) in refused.items():
        lines.append(f"ng {ref} {reason}\n".encode())
        body += _packet(b"\2" + f"error: {text}".encode()) if text else b""
    report = b"".join(map(_packet, lines)) + b"0000"
    response.body = body + _packet(b"\1" + report) + b"0000"

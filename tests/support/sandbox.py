"""What the tests of the sandbox share: a clock, a client and git."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from .box import Sandbox

__all__ = ["Answer", "Client", "ManualClock", "clone", "git"]


class ManualClock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the present time."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """A plain HTTP client on one kept connection.

    Parameters
    ----------
    box
        The sandbox.
    token
        The credentials; an empty string for none.
    """

    def __init__(self, box: Sandbox, token: str | None = None) -> None:
        self.box = box
        self.token = box.token if token is None else token
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", box.port, timeout=5
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def raw(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request as it is."""
        try:
            self._connection.request(method, url, body, headers or {})
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        found = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, found, content)

    def api(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request to the REST API."""
        url = "/api/v3" + path
        if query:
            url += "?" + urlencode(query)
        sent = {"User-Agent": "test", "Accept": "application/json"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if data is not None:
            sent["Content-Type"] = "application/json"
        body = json.dumps(data).encode() if data is not None else None
        return self.raw(method, url, headers=sent | (headers or {}), body=body)

    def get(self, path: str, **query: Any) -> Answer:
        """Read from the REST API."""
        return self.api("GET", path, query=query)

    def post(self, path: str, data: Any = None) -> Answer:
        """Write to the REST API."""
        return self.api("POST", path, data)

    def follow(self, address: str, **headers: str) -> Answer:
        """Read an absolute address."""
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=5
        )
        try:
            target = f"{parts.path}?{parts.query}"
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            found = {k.lower(): v for k, v in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def pull(self, name: str, reference: str, **headers: str) -> Answer:
        """Read a manifest with a token of the registry."""
        scope = f"repository:{name}:pull"
        token = self.raw("GET", "/token?" + urlencode({"scope": scope})).data
        sent = {
            "Authorization": f"Bearer {token['token']}",
            "Accept": "application/vnd.oci.image.index.v1+json,"
            "application/vnd.oci.image.manifest.v1+json",
        }
        url = f"/v2/{name}/manifests/{reference}"
        return self.raw("GET", url, headers=sent | headers)


def basic(user: str, password: str) -> str:
    """Return a ``Basic`` authorization."""
    pair = f"{user}:{password}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def git(
    *args: str, cwd: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run git with nobody's settings."""
    person = {"NAME": "Ada Quist", "EMAIL": "ada@example.org"}
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {f"GIT_AUTHOR_{key}": value for key, value in person.items()}
    env |= {f"GIT_COMMITTER_{key}": value for key, value in person.items()}
    env |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    return subprocess.run(
        ["git", *args],
        cwd=cwd,
        env=env,
        check=check,
        capture_output=True,
        text=True,
    )


def clone(box: Sandbox, name: str, place: Path, token: str = "") -> Path:
    """Clone a repository over HTTP, with credentials in its address."""
    secret = token or box.token
    url = box.git_url(name).replace("://", f"://x:{secret}@")
    git("clone", "--quiet", url, str(place))
    return place

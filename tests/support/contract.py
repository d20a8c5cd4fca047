"""Validates requests and answers against descriptions of GitHub, Argo CD.

GitHub's is ``generated/api.github.com.json`` of the npm package
``@octokit/openapi``. Argo CD's is here, cut down: see `argocd_contract`.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

__all__ = ["Contract", "Record", "description_path"]

VARIABLE = "RSP_RELEASE_OPENAPI"
"""Environment variable that names the description's file."""

_GENERIC = {301, 304, 307, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503}
"""Answers that GitHub gives at any path, documented there or not."""

_OPERATORS = ("allOf", "anyOf", "oneOf")


def description_path() -> Path | None:
    """Return where GitHub's description is, or `None` if it is nowhere."""
    named = os.environ.get(VARIABLE)
    if named and Path(named).is_file():
        return Path(named)
    return None


class Record(Protocol):
    """What the sandbox logs of a request."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    status: int | None
    response_headers: dict[str, str]
    response_body: bytes
    fault: str | None


class Contract:
    """A description of an HTTP API, ready to judge by.

    Parameters
    ----------
    document
        The description, as OpenAPI has it.
    prefix
        A regular expression of what stands before its paths.
    """

    def __init__(
        self, document: Mapping[str, Any], *, prefix: str = "/api/v3"
    ) -> None:
        self._document = document
        self._prefix = re.compile(rf"(?:{prefix})(?=/)")
        self._routes: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for template, item in self._document["paths"].items():
            pattern = re.compile(_pattern(template))
            for method in item:
                entry = (pattern, template)
                self._routes.setdefault(method.upper(), []).append(entry)
        for entries in self._routes.values():
            # The path with the fewest parameters is the one that is meant.
            entries.sort(key=lambda e: (e[1].count("{"), -len(e[1])))
        self._registry: Registry[Any] = Registry(
            retrieve=self._retrieve  # type: ignore[call-arg]
        )
        self.requests = 0
        """How many requests were validated."""
        self.responses = 0
        """How many answers were validated."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read GitHub's description.

        Parameters
        ----------
        path
            The description's file.
        """
        with path.open("rb") as file:
            return cls(json.load(file))

    # -- Looking up --------------------------------------------------------

    def _retrieve(self, uri: str) -> Resource[Any]:
        name = uri.removeprefix("oas:")
        schema = self._document["components"]["schemas"][name]
        resource: Resource[Any] = DRAFT202012.create_resource(_convert(schema))
        return resource

    def _resolve(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in item:
            found: Any = self._document
            for part in item["$ref"].split("/")[1:]:
                found = found[part.replace("~1", "/").replace("~0", "~")]
            item = found
        return item

    def operation(self, method: str, path: str) -> tuple[str, Any] | None:
        """Find the operation of a request.

        Parameters
        ----------
        method
            The HTTP method.
        path
            The path, without the API's prefix.

        Returns
        -------
        tuple or None
            Its path template and description.
        """
        method = "GET" if method == "HEAD" else method
        for pattern, template in self._routes.get(method, ()):
            if pattern.fullmatch(path):
                item = self._document["paths"][template]
                return template, item[method.lower()]
        return None

    @functools.cached_property
    def _validators(self) -> dict[int, Any]:
        return {}

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        # The description outlives this cache, so its identities hold.
        key = id(schema)
        if key not in self._validators:
            self._validators[key] = jsonschema.Draft202012Validator(
                _convert(schema), registry=self._registry
            )
        return self._validators[key]

    # -- Judging -----------------------------------------------------------

    def check_record(self, record: Record) -> list[str]:
        """Judge a logged request and its answer.

        Answers that a fault made or spoiled are not judged.

        Parameters
        ----------
        record
            The request.

        Returns
        -------
        list
            The violations, one sentence each.
        """
        match = self._prefix.match(record.path)
        if match is None:
            return []
        # By its number a repository is what it is by its name.
        path = re.sub(
            r"^/repositories/\d+", "/repos/o/n", record.path[match.end() :]
        )
        found = []
        is_led_on = record.status in {301, 307}
        if is_led_on and "Location" not in record.response_headers:
            found.append(f"{record.method} {path}: no header Location")
        found += list(
            self.check_request(
                record.method, path, query=record.query, body=record.body
            )
        )
        if record.status is not None and record.fault in {None, "slow"}:
            content = record.response_body
            if "fields" in record.query:
                content = _without_nulls(content)
            found += self.check_response(
                record.method,
                path,
                status=record.status,
                headers=record.response_headers,
                body=content,
            )
        return found

    def check_request(
        self, method: str, path: str, *, query: Mapping[str, str], body: bytes
    ) -> Iterator[str]:
        """Judge a request.

        Yields
        ------
        str
            A violation.
        """
        self.requests += 1
        where = f"{method} {path}: "
        found = self.operation(method, path)
        if found is None:
            yield f"{where}there is no such operation"
            return
        _, operation = found
        known = {}
        for item in operation.get("parameters", ()):
            parameter = self._resolve(item)
            if parameter["in"] == "query":
                known[parameter["name"]] = parameter
        for name, text in query.items():
            if name not in known:
                yield f"{where}no query parameter {name!r}"
                continue
            schema = known[name].get("schema", {})
            value = _coerce(text, self._resolve(schema))
            for error in self._validator(schema).iter_errors(value):
                yield f"{where}query parameter {name!r}: {error.message}"
        for name, parameter in known.items():
            if parameter.get("required") and name not in query:
                yield f"{where}query parameter {name!r} is missing"
        yield from self._check_body(where, operation, body)

    def _check_body(
        self, where: str, operation: Mapping[str, Any], body: bytes
    ) -> Iterator[str]:
        wanted = self._resolve(operation.get("requestBody", {}))
        content = wanted.get("content", {}).get("application/json")
        if not body.strip():
            if wanted.get("required"):
                yield f"{where}the body is missing"
            return
        try:
            value = json.loads(body)
        except ValueError:
            yield f"{where}the body is not JSON"
            return
        if content is None:
            if value not in (None, {}):
                yield f"{where}takes no body"
            return
        for error in self._validator(content["schema"]).iter_errors(value):
            yield f"{where}body{_at(error)}: {error.message[:200]}"
        schema = self._resolve(content["schema"])
        if isinstance(value, dict) and "properties" in schema:
            for name in value:
                if name not in schema["properties"]:
                    yield f"{where}body: no property {name!r}"

    def check_response(
        self,
        method: str,
        path: str,
        *,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Iterator[str]:
        """Judge an answer.

        Yields
        ------
        str
            A violation.
        """
        where = f"{method} {path} -> {status}: "
        found = self.operation(method, path)
        if found is None:
            return
        self.responses += 1
        _, operation = found
        given = {name.lower(): value for name, value in headers.items()}
        responses = operation["responses"]
        described = responses.get(str(status), responses.get("default"))
        if described is None:
            if status not in _GENERIC:
                yield f"{where}not among {sorted(responses)}"
                return
            described = {
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/basic-error"}
                    }
                }
            }
            if status == 304 or status >= 500:
                described = {}
        described = self._resolve(described)
        yield from self._check_headers(where, described, given)
        content = described.get("content", {})
        chosen = content.get("application/json")
        kind = given.get("content-type", "").split(";")[0]
        if chosen is None:
            if body and not content and status < 400:
                yield f"{where}must have no body"
            elif content and kind not in content:
                yield f"{where}content type {kind!r}"
            return
        if method == "HEAD":
            return
        if kind not in content:
            yield f"{where}content type {kind!r}"
        try:
            value = json.loads(body)
        except ValueError:
            yield f"{where}the body is not JSON"
            return
        schema = chosen["schema"]
        errors = list(self._validator(schema).iter_errors(value))
        for error in errors:
            yield f"{where}body{_at(error)}: {_reason(error)}"
        if status < 400:
            # Errors hold more than is described, such as `status`.
            yield from self._unknown(where, schema, value, "")

    def _check_headers(
        self, where: str, described: Mapping[str, Any], given: dict[str, str]
    ) -> Iterator[str]:
        for name in described.get("headers", {}):
            value = given.get(name.lower())
            if value is None:
                if name.lower() == "location":
                    yield f"{where}no header {name}"
                continue
            if name.lower() == "link":
                for part in value.split(", "):
                    if not re.fullmatch(r'<https?://[^>]+>; rel="\w+"', part):
                        yield f"{where}malformed Link {part!r}"
            if name.lower() == "location" and not urlsplit(value).scheme:
                yield f"{where}Location is no address"

    def _unknown(
        self, where: str, schema: Mapping[str, Any], value: Any, at: str
    ) -> Iterator[str]:
        """Find properties that are not described."""
        schema = self._resolve(schema)
        if any(name in schema for name in _OPERATORS):
            return
        if isinstance(value, list) and "items" in schema:
            for item in value[:3]:
                yield from self._unknown(where, schema["items"], item, at)
        properties = schema.get("properties")
        if not isinstance(value, dict) or not properties:
            return
        if schema.get("additionalProperties"):
            return
        for name, inner in value.items():
            if name in properties:
                below = f"{at}.{name}"
                yield from self._unknown(where, properties[name], inner, below)
            else:
                yield f"{where}body{at}: no property {name!r}"


def _without_nulls(content: bytes) -> bytes:
    """Take out what lacks where Argo CD cuts an answer down to fields."""

    def take(item: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in item.items() if v is not None}

    return json.dumps(json.loads(content, object_hook=take)).encode()


def _pattern(template: str) -> str:
    """Make a pattern of a path; refs and paths may hold slashes."""
    wide = {"ref", "branch", "tag", "basehead", "base", "head"}

    def part(match: re.Match[str]) -> str:
        if match[1] == "path":
            return ".*"
        return ".+" if match[1] in wide else "[^/]+"

    return re.sub(r"\{(\w+)\}", part, template)


def _at(error: jsonschema.ValidationError) -> str:
    return "".join(f".{part}" for part in error.absolute_path)


def _reason(error: jsonschema.ValidationError) -> str:
    best = jsonschema.exceptions.best_match([error])
    chosen = best or error
    inner = "".join(f".{part}" for part in chosen.absolute_path)
    return f"{inner} {chosen.message[:200]}".strip()


def _convert(schema: Any) -> Any:
    """Turn an OpenAPI 3.0 schema into a JSON schema."""
    if isinstance(schema, list):
        return [_convert(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return {"$ref": f"oas:{name}"}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"example", "examples", "default", "nullable", "enum"}:
            continue
        if key == "properties":
            result[key] = {k: _convert(v) for k, v in value.items()}
        else:
            # GitHub's alternatives overlap, so more than one may fit.
            result["anyOf" if key == "oneOf" else key] = _convert(value)
    if "enum" in schema:
        result["enum"] = list(schema["enum"])
    if schema.get("nullable"):
        if isinstance(result.get("type"), str):
            result["type"] = [result["type"], "null"]
        if "enum" in result and None not in result["enum"]:
            result["enum"].append(None)
        if any(name in result for name in _OPERATORS):
            result = {"anyOf": [result, {"type": "null"}]}
    return result


def _coerce(text: str, schema: Mapping[str, Any]) -> Any:
    """Read a query parameter as the type that it should have."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "array":
        return text.split(",")
    return text

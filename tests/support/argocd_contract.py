"""Validates requests and answers against Argo CD's own description.

It is the part that is used of ``assets/swagger.json`` of argoproj/argo-cd
(Apache License 2.0), without the texts; no package holds it whole. To take
another path, name it in ``_PATHS`` and run
``python -m tests.support.argocd_contract swagger.json``.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .contract import Contract

__all__ = ["PREFIX", "argocd_contract", "main"]

DATA = Path(__file__).parents[1] / "data" / "argocd-swagger.json"

PREFIX = "/argocd/[^/]+"
"""Where the sandbox has the Argo CD of an environment."""

_PATHS = {
    "/api/v1/applications": "get",
    "/api/v1/applications/{applicationName}/resource-tree": "get",
    "/api/v1/applications/{name}": "get",
    "/api/v1/applications/{name}/sync": "post",
    "/api/v1/applications/{name}/syncwindows": "get",
    "/api/v1/projects/{name}": "get",
    "/api/version": "get",
}
_TEXTS = {"description", "operationId", "summary", "tags", "title"}
_SOURCE = {
    "title": "A part of the API of Argo CD",
    "description": "Of assets/swagger.json in argoproj/argo-cd 37ee009",
    "license": {"name": "Apache-2.0"},
    "version": "2026-08",
}


@functools.cache
def argocd_contract() -> Contract:
    """Return Argo CD's description, ready to judge by."""
    document = _convert(json.loads(DATA.read_text(encoding="utf-8")))
    listed = document["paths"]["/api/v1/applications"]["get"]
    # Undescribed, but what its own page uses:
    # pkg/apiclient/application/forwarder_overwrite.go
    listed["parameters"].append(
        {"name": "fields", "in": "query", "schema": {"type": "string"}}
    )
    return Contract(document, prefix=PREFIX)


def _convert(swagger: Any) -> dict[str, Any]:
    """Turn Swagger 2.0 into what OpenAPI 3 has in its place."""
    text = json.dumps(swagger).replace(
        "#/definitions/", "#/components/schemas/"
    )
    document = json.loads(text)
    schemas = document.pop("definitions")
    for schema in schemas.values():
        for part in schema.pop("allOf", ()):
            base = schemas[part["$ref"].rpartition("/")[2]]
            schema["properties"] |= base["properties"]
    document["components"] = {"schemas": schemas}
    for item in document["paths"].values():
        for operation in item.values():
            parameters = operation.pop("parameters", ())
            operation["parameters"] = [
                {
                    "name": each["name"],
                    "in": each["in"],
                    "required": each.get("required", False),
                    "schema": {
                        key: each[key]
                        for key in ("type", "items")
                        if key in each
                    },
                }
                for each in parameters
                if each["in"] != "body"
            ]
            for each in parameters:
                if each["in"] == "body":
                    operation["requestBody"] = {
                        "required": True,
                        "content": _content(each["schema"]),
                    }
            for answer in operation["responses"].values():
                answer["content"] = _content(answer.pop("schema"))
    return dict(document)


def _content(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _cut(swagger: Any) -> dict[str, Any]:
    """Leave the paths that are used, and what they need."""
    paths = {
        path: {method: swagger["paths"][path][method]}
        for path, method in _PATHS.items()
    }
    known = swagger["definitions"]
    needed: dict[str, Any] = {}
    waiting = list(_names(paths))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = known[name]
            waiting += _names(known[name])
    return {
        "swagger": swagger["swagger"],
        "info": _SOURCE,
        "paths": _without_texts(paths),
        "definitions": _without_texts(dict(sorted(needed.items()))),
    }


def _names(value: Any) -> Iterator[str]:
    """Find the definitions that are referred to."""
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item.rpartition("/")[2]
            else:
                yield from _names(item)


def _without_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    # A property may be called as a text is.
    return {
        key: _without_texts(item)
        for key, item in value.items()
        if key not in _TEXTS or isinstance(item, dict)
    }


def main() -> int:
    """Cut the description that is named, and write what is used of it."""
    whole = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(_cut(whole), indent=1)
    DATA.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""openapi.json, built from the table of endpoints and the shapes they read and answer. Pure.

Source: OpenAPI Specification 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.inputs.api.endpoint import Endpoint
from bot.inputs.api.schemas import ErrorAnswer, Happening

REF: Final = "#/components/schemas/{model}"
READ_PROBLEMS: Final = {
    "401": "Nobody is signed in, or the token is wrong.",
    "403": "Not allowed.",
    "404": "There is no such thing.",
    "422": "A field or parameter is wrong; `field` names it.",
    "503": "Something we need is away; try again.",
}
DEED_PROBLEMS: Final = {
    **READ_PROBLEMS,
    "400": "The body is no JSON.",
    "409": "The present state does not allow it.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
}
KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Repeat a request with the same key and it is done once. Remembered for 15 minutes.",
    "schema": {"type": "string", "maxLength": 200},
}

Json = dict[str, Any]


def document(endpoints: Sequence[Endpoint]) -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pilothouse",
            "version": version("pilothouse"),
            "description": "Times are RFC 3339 in UTC, durations are seconds, weights percent.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}, {"session": []}],
        "paths": {**paths, "/events": {"get": _events()}, "/openapi.json": {"get": _itself()}},
        "components": {"schemas": _schemas(endpoints), "securitySchemes": _security()},
    }


def _operation(endpoint: Endpoint) -> Json:
    problems = DEED_PROBLEMS if endpoint.ask else READ_PROBLEMS
    good = {"description": endpoint.answer.__doc__ or "Done.", "content": _content(endpoint.answer)}
    operation: Json = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.path.split("/")[1]],
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.status): good, **{code: _problem(text) for code, text in problems.items()}},
    }
    if endpoint.ask is not None:
        operation["requestBody"] = {"required": _needed(endpoint.ask), "content": _content(endpoint.ask)}
    return operation


def operation_id(endpoint: Endpoint) -> str:
    """`get_deployments_id_approve`: one word for code that is generated."""
    words = re.findall(r"\w+", endpoint.path)
    return "_".join([endpoint.method.lower(), *words])


def _needed(shape: type[BaseModel]) -> bool:
    return any(one.is_required() for one in shape.model_fields.values())


def _parameters(endpoint: Endpoint) -> list[Json]:
    names = re.findall(r"{(\w+)}", endpoint.path)
    inside = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    asked = [
        {"name": one.name, "in": "query", "description": one.text, "schema": {"type": one.type}}
        for one in endpoint.query
    ]
    return [*inside, *asked, *([KEY] if endpoint.ask else [])]


def _content(shape: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": REF.format(model=shape.__name__)}}}


def _problem(text: str) -> Json:
    return {"description": text, "content": _content(ErrorAnswer)}


def _schemas(endpoints: Sequence[Endpoint]) -> Json:
    asked = [(one.ask, "validation") for one in endpoints if one.ask is not None]
    answered = [(one.answer, "serialization") for one in endpoints]
    wanted: Any = list(dict.fromkeys([*asked, *answered, (ErrorAnswer, "serialization"), (Happening, "serialization")]))
    _, schema = models_json_schema(wanted, ref_template=REF)
    found: Json = schema["$defs"]
    return found


def _security() -> Json:
    return {
        "token": {"type": "http", "scheme": "bearer", "description": "`pilothouse token create` makes one."},
        "session": {"type": "apiKey", "in": "cookie", "name": "pilothouse", "description": "A signed-in browser."},
    }


def _events() -> Json:
    text = (
        "The log as server-sent events: `event: log` with a Happening as data and its position as id, `event: "
        "heartbeat` in quiet times. Resumes after Last-Event-ID, or after the query parameter `after`."
    )
    position = {"type": "string", "pattern": "^[0-9]{1,18}$"}
    return {
        "operationId": "get_events",
        "summary": "Follow what happens",
        "tags": ["events"],
        "parameters": [
            {"name": "Last-Event-ID", "in": "header", "schema": position},
            {"name": "after", "in": "query", "schema": position},
        ],
        "responses": {
            "200": {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **{code: _problem(READ_PROBLEMS[code]) for code in ("401", "403", "422", "503")},
        },
    }


def _itself() -> Json:
    return {
        "operationId": "get_openapi",
        "summary": "This document",
        "tags": ["openapi.json"],
        "security": [],
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
        },
    }

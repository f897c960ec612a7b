"""AWS for tests: moto's server behind a door that adds what moto does not do, and that can fail as AWS does.

moto keeps services, rules, functions and images. The door has what makes them live: tasks that come and go, targets
that become healthy, revisions that are checked.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from moto.server import ThreadedMotoServer

ACCOUNT, REGION = "123456789012", "us-east-1"
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_FUNCTION = r"/2015-03-31/functions/([^/]+)"
_LAMBDA = (
    ("GET", _FUNCTION + "/configuration", "GetFunctionConfiguration"),
    ("PUT", _FUNCTION + "/configuration", "UpdateFunctionConfiguration"),
    ("PUT", _FUNCTION + "/code", "UpdateFunctionCode"),
    ("GET", _FUNCTION + "/versions", "ListVersionsByFunction"),
    ("POST", _FUNCTION + "/versions", "PublishVersion"),
    ("POST", _FUNCTION + "/aliases", "CreateAlias"),
    ("GET", _FUNCTION + "/aliases/([^/]+)", "GetAlias"),
    ("PUT", _FUNCTION + "/aliases/([^/]+)", "UpdateAlias"),
    ("DELETE", _FUNCTION + "/aliases/([^/]+)", "DeleteAlias"),
    ("POST", r"/2015-03-31/functions/?", "CreateFunction"),
    ("DELETE", _FUNCTION, "DeleteFunction"),
    ("GET", r"/2017-03-31/tags/(.+)", "ListTags"),
    ("POST", r"/2017-03-31/tags/(.+)", "TagResource"),
)
_HOP = {"host", "content-length", "connection", "transfer-encoding", "content-encoding", "date", "server"}


@dataclass(slots=True)
class Call:
    """One call as the door sees it: `values` are its parameters, `path` the groups of a REST path."""

    service: str
    operation: str
    values: dict[str, Any]
    path: tuple[str, ...]
    request: web.Request
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What moto answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


Handler = Callable[[Call], Awaitable[web.Response]]
Fault = Callable[[Call], Awaitable[web.Response]]


class Refusal(Exception):
    """AWS's refusal with its code; raised in a handler."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@functools.cache
def shared_moto() -> ThreadedMotoServer:
    """This process's moto; every Cloud empties it first."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    atexit.register(server.stop)
    return server


class Cloud:
    """The door. `url` is the endpoint to give; `calls` counts operations; faults wait for their operation."""

    def __init__(self) -> None:
        host, port = shared_moto().get_host_and_port()
        self._moto = f"http://{host}:{port}"
        self.calls: Counter[str] = Counter()
        self.handlers: dict[tuple[str, str], Handler] = {}
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self._closing = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Cloud:
        self._client = aiohttp.ClientSession(auto_decompress=True)
        async with self._client.post(f"{self._moto}/moto-api/reset") as answer:
            assert answer.status == 200
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._runner.cleanup()
        await self._client.close()

    def refuse(self, operation: str, code: str, message: str = "", *, status: int = 400, times: int = 1) -> None:
        """The next calls of the operation are refused."""

        async def fault(call: Call) -> web.Response:
            return error(call.service, Refusal(code, message, status))

        self._faults[operation] += [fault] * times

    def hang(self, operation: str, times: int = 1) -> None:
        """The next calls of the operation get no answer."""

        async def fault(call: Call) -> web.Response:
            await self._closing.wait()
            return web.Response(status=503)

        self._faults[operation] += [fault] * times

    def garble(self, operation: str, times: int = 1) -> None:
        """The next calls of the operation get a page of somebody else."""

        async def fault(call: Call) -> web.Response:
            return web.Response(text="<html>Log in here</html>", content_type="text/html")

        self._faults[operation] += [fault] * times

    def answer(self, operation: str, value: Any, times: int = 1) -> None:
        """The next calls of the operation are answered so."""

        async def fault(call: Call) -> web.Response:
            return told(value)

        self._faults[operation] += [fault] * times

    def lose(self, operation: str, times: int = 1) -> None:
        """The next calls of the operation have their effect, but the answer is lost."""

        async def fault(call: Call) -> web.Response:
            await self._served(call)
            return error(call.service, Refusal("InternalFailure", "It broke after the work was done.", 500))

        self._faults[operation] += [fault] * times

    async def forward(self, call: Call, values: Mapping[str, Any] | None = None) -> Answered:
        """Ask moto, with other JSON values when some are given."""
        body = call.body if values is None else json.dumps(values).encode()
        headers = {key: value for key, value in call.request.headers.items() if key.lower() not in _HOP}
        url = self._moto + call.request.raw_path
        async with self._client.request(call.request.method, url, data=body, headers=headers) as answer:
            content = await answer.read()
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
            return Answered(answer.status, content, kept)

    async def _answer(self, request: web.Request) -> web.Response:
        call = _call(request, await request.read())
        self.calls[call.operation] += 1
        if self._faults[call.operation]:
            return await self._faults[call.operation].pop(0)(call)
        return await self._served(call)

    async def _served(self, call: Call) -> web.Response:
        handler = self.handlers.get((call.service, call.operation))
        if handler is None:
            return passed(await self.forward(call))
        try:
            return await handler(call)
        except Refusal as refusal:
            return error(call.service, refusal)


def passed(answered: Answered) -> web.Response:
    """moto's answer as it is."""
    return web.Response(status=answered.status, body=answered.body, headers=dict(answered.headers))


def told(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, text=json.dumps(value), content_type="application/json")


def error(service: str, refusal: Refusal) -> web.Response:
    """A refusal in the form of the service's protocol."""
    if service == "elasticloadbalancing":
        text = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error></ErrorResponse>"
        )
        return web.Response(status=refusal.status, text=text, content_type="text/xml")
    body = {"__type": refusal.code, "message": refusal.message, "Message": refusal.message}
    answer = told(body, refusal.status)
    answer.headers["x-amzn-ErrorType"] = refusal.code
    return answer


def _call(request: web.Request, body: bytes) -> Call:
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    service = scope[2] if scope else ""
    match service:
        case "lambda":
            return _rest(request, body)
        case "elasticloadbalancing":
            values = dict(parse_qsl(body.decode(), keep_blank_values=True))
            return Call(service, values.get("Action", ""), values, (), request, body)
        case "ecs" | "ecr":
            operation = request.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
            return Call(service, operation, json.loads(body or b"{}"), (), request, body)
        case _:
            return Call(service, request.method, {}, (), request, body)


def _rest(request: web.Request, body: bytes) -> Call:
    for method, pattern, operation in _LAMBDA:
        found = re.fullmatch(pattern, request.path)
        if found and method == request.method:
            values = json.loads(body) if body else {}
            return Call("lambda", operation, {**dict(request.query), **values}, found.groups(), request, body)
    return Call("lambda", request.method, {}, (), request, body)

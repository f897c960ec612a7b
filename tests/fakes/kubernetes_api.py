"""An API server that answers what a test says, for what a real one seldom does: conflicts, limits, silence."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: `GET pods`, `WATCH pods`, `PATCH shop-v1`: the method and the end of the path."""

    what: str
    query: Mapping[str, str]
    body: Any
    token: str


@dataclass(slots=True)
class Scripted:
    """Answers each call with the next one scripted for it; the last one stays. What nobody scripted is 404."""

    kubeconfig: str = ""
    asked: list[Asked] = field(default_factory=list)
    _script: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))

    def answer(self, what: str, *answers: Answer) -> None:
        """Script the answers to a kind of call."""
        self._script[what] = deque(answers)

    def calls(self, what: str) -> list[Asked]:
        """The calls of a kind so far."""
        return [one for one in self.asked if one.what == what]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        method = "WATCH" if request.query.get("watch") else request.method
        what = f"{method} {request.path.rpartition('/')[2]}"
        body = await request.read()
        token = request.headers.get("Authorization", "")
        self.asked.append(Asked(what, dict(request.query), json.loads(body) if body else None, token))
        left = self._script[what]
        if not left:
            return await status(404, f"the server could not find {what}")(request)
        return await (left.popleft() if len(left) > 1 else left[0])(request)


def ok(body: Json) -> Answer:
    """200 with this object."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return answer


def status(code: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A Status object of that code."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "status": "Failure", "message": message, "code": code}
        return web.json_response(body, status=code, headers=headers)

    return answer


def text(content: str) -> Answer:
    """200 with something that is not JSON."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=content)

    return answer


async def hang(request: web.Request) -> web.StreamResponse:
    """No answer at all."""
    await asyncio.Event().wait()
    return web.Response()


def events(*told: Json, then: asyncio.Event | None = None, cut: bool = False) -> Answer:
    """A watch with these events; it stays open until `then`, and ends in the middle of a line when `cut`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        for one in told:
            await stream.write(json.dumps(one).encode() + b"\n")
        if then is not None:
            await then.wait()
        if cut and request.transport is not None:
            await stream.write(b'{"type": ')
            request.transport.abort()
        return stream

    return answer


def event(kind: str, version: str, **pod: Any) -> Json:
    """A watch event of a pod, or a bookmark."""
    body = a_pod(version=version, **pod) if pod else {"kind": "Pod", "metadata": {"resourceVersion": version}}
    return {"type": kind, "object": body}


def a_list(version: str, *items: Json) -> Json:
    """A list as of a resource version."""
    return {"kind": "List", "metadata": {"resourceVersion": version}, "items": list(items)}


def a_pod(
    name: str = "shop-v1-a",
    version: str = "1",
    *,
    service: str = "shop",
    runs: str = "v1",
    ordinal: int | None = 1,
    status: Json | None = None,
    meta: Json | None = None,
    conditions: Sequence[Json] = (),
) -> Json:
    """A pod of ours."""
    labels = {
        "pilothouse.dev/service": service,
        "pilothouse.dev/environment": "production",
        "pilothouse.dev/version": runs,
        **({} if ordinal is None else {"pilothouse.dev/ordinal": str(ordinal)}),
    }
    about = {
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": version,
        "labels": labels,
        "creationTimestamp": "2026-01-01T12:00:00Z",
    }
    return {
        "kind": "Pod",
        "metadata": {**about, **(meta or {})},
        "status": {"phase": "Running", "conditions": list(conditions), **(status or {})},
    }


@asynccontextmanager
async def scripted_api(folder: Path) -> AsyncIterator[Scripted]:
    """A server on 127.0.0.1 with a kubeconfig in `folder`."""
    api = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    path = folder / "kubeconfig"
    path.write_text(json.dumps(_kubeconfig(f"http://{host}:{port}", "first")))
    api.kubeconfig = str(path)
    try:
        yield api
    finally:
        await runner.cleanup()


def renew_token(api: Scripted, token: str) -> None:
    """Another token stands in the kubeconfig now."""
    path = Path(api.kubeconfig)
    server = json.loads(path.read_text())["clusters"][0]["cluster"]["server"]
    path.write_text(json.dumps(_kubeconfig(server, token)))


def _kubeconfig(server: str, token: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": server}}],
        "users": [{"name": "ops", "user": {"token": token}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "ops"}}],
        "current-context": "fake",
    }

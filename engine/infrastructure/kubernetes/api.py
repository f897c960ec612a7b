"""Calls to one cluster's API in plain JSON, by the kubernetes package's asyncio client.

Its models and its Watch are left out: they turn each pod into hundreds of objects and hide bookmarks and the end of
a stream, which tell how old what we know is.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from kubernetes.aio import client, config

from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.kubernetes.failures import refused, unreachable
from engine.infrastructure.kubernetes.kinds import Choice, Json, Ref
from engine.infrastructure.kubernetes.names import FIELD_MANAGER

_PATIENCE: Final = timedelta(seconds=10)
_SILENCE: Final = timedelta(seconds=90)  # a bookmark comes about every minute: longer silence is a broken connection
_WATCH_LASTS: Final = 290
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"


class Api:
    """One cluster's API. `kubeconfig` and `context` as in KubernetesTarget. Close it when done.

    Every call raises TemporaryFailure or PermanentFailure (see failures.py) with the API's own message.
    """

    def __init__(self, kubeconfig: str, context: str, *, patience: timedelta = _PATIENCE) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._patience = aiohttp.ClientTimeout(total=patience.total_seconds())
        self._client: Any = None

    async def get(self, ref: Ref) -> Json:
        """The object. Raises Missing."""
        return await self._call("GET", ref.path, f"read {ref}")

    async def find(self, choice: Choice) -> Json:
        """The list of these objects; its metadata.resourceVersion is where a watch goes on."""
        return await self._call("GET", choice.path, f"list {choice}", choice.query)

    async def apply(self, ref: Ref, body: Json) -> Json:
        """Server-side apply as our field manager: the fields in `body` are ours, others are left alone."""
        named = {"apiVersion": ref.kind.version, "kind": ref.kind.name, **body}
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._call("PATCH", ref.path, f"apply {ref}", query, named, _APPLY)

    async def patch(self, ref: Ref, body: Json) -> Json:
        """Merge patch. With metadata.resourceVersion in `body` it raises Conflict when somebody wrote meanwhile."""
        return await self._call("PATCH", ref.path, f"patch {ref}", {"fieldManager": FIELD_MANAGER}, body, _MERGE)

    async def delete(self, ref: Ref, *, only: Mapping[str, str]) -> Json:
        """Delete the object while it is as `only` says (`uid`, `resourceVersion`); else raises Conflict or Missing.

        Answers the object while it is still ending, a Status when it is gone.
        """
        body = {"preconditions": dict(only), "propagationPolicy": "Background"}
        return await self._call("DELETE", ref.path, f"delete {ref}", {}, body, "application/json")

    async def watch(self, choice: Choice, version: str) -> AsyncGenerator[Json | None]:
        """None once the API listens, then each event after resource version `version`, bookmarks too, to its end.

        Raises Gone when `version` is too old, TemporaryFailure when the connection breaks or is silent.
        """
        query = {
            **choice.query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_LASTS),
        }
        what = f"watch {choice}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._patience.total, sock_read=_SILENCE.total_seconds()
        )
        try:
            answer = await self._send("GET", choice.path, query, None, "", timeout)
            async with AsyncExitStack() as stack:
                stack.callback(_hang_up, answer)
                if answer.status != 200:
                    raise refused(answer.status, answer.headers, await answer.read(), what)
                yield None
                async for line in answer.content:
                    yield _event(line, what)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error, what) from error

    async def close(self) -> None:
        """End all connections."""
        held, self._client = self._client, None
        if held is not None:
            await held.close()
            await asyncio.sleep(0)  # connections that were hung up are let go in the next round of the loop

    async def _call(
        self,
        method: str,
        path: str,
        what: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        form: str = "",
    ) -> Json:
        try:
            answer = await self._send(method, path, query or {}, body, form, self._patience)
            content = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error, what) from error
        if answer.status >= 300:
            raise refused(answer.status, answer.headers, content, what)
        return _parsed(content, what)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        form: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        answer = await self._send_once(method, path, query, body, form, timeout)
        if answer.status != 401:
            return answer
        # Credentials of cloud clusters last minutes: the kubeconfig's helper makes new ones.
        answer.release()
        await self.close()
        return await self._send_once(method, path, query, body, form, timeout)

    async def _send_once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        form: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        if self._client is None:
            self._client = client.ApiClient(await _configuration(self._kubeconfig, self._context))
        held = self._client
        headers = {"Accept": "application/json", **({"Content-Type": form} if form else {})}
        request = await held.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        answered = await held.call_api(*request, _request_timeout=timeout)
        answer: aiohttp.ClientResponse = answered.response
        return answer


async def _configuration(kubeconfig: str, context: str) -> client.Configuration:
    """Where the API is and who we are: the file named, the usual file, or the account of the pod we run in."""
    found = client.Configuration()
    loader: Any = config
    try:
        if kubeconfig or context or _usual_file():
            await loader.load_kube_config(
                config_file=kubeconfig or None,
                context=context or None,
                client_configuration=found,
                persist_config=False,
            )
        else:
            loader.load_incluster_config(client_configuration=found)
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        raise PermanentFailure(
            f"The kubeconfig {kubeconfig or 'of this account'} cannot be used: {error}",
            "Correct `kubeconfig` and `context` in the settings.",
        ) from error
    found.connection_pool_maxsize = 0  # no limit: each watch holds a connection
    return found


def _usual_file() -> bool:
    places = str(config.KUBE_CONFIG_DEFAULT_LOCATION).split(os.pathsep)
    return any(Path(one).expanduser().exists() for one in places if one)


def _hang_up(answer: aiohttp.ClientResponse) -> None:
    """End a stream at once; a TLS farewell would outlive whoever waits for it, and nobody misses it."""
    connection = answer.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    answer.close()


def _parsed(content: bytes, what: str) -> Json:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TemporaryFailure(
            f"Kubernetes was asked to {what} and answered something that is not JSON.",
            "Check that nothing else answers at the address of its API server.",
        )
    return found


def _event(line: bytes, what: str) -> Json:
    event = _parsed(line, what)
    if event.get("type") != "ERROR":
        return event
    status = event.get("object") or {}
    raise refused(int(status.get("code") or 500), {}, json.dumps(status).encode(), what)

"""Calls to AWS: one client for each service and region, a deadline on every call, repeats by class of failure."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import aiobotocore.session  # type: ignore[import-untyped]  # none of the SDK has types
from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as SdkConnectionError
from botocore.loaders import create_loader  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.aws.failures import GIVE_CREDENTIALS, Conflict, Pressed, sort_answer

DEADLINE: Final = timedelta(seconds=20)
_CONNECT: Final = timedelta(seconds=5)
_PAUSES: Final = (0.2, 0.6)  # seconds before the second and the third try of one call
_TURNS: Final = 3  # fresh reads after a conflict
_SOON: Final = timedelta(seconds=2)
_FIRST_LOOK, _LAST_LOOK = 0.05, 2.0  # seconds between looks at something that takes time, doubling

Answer = Mapping[str, Any]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Where:
    """A region of AWS; `endpoint` replaces the addresses of AWS there, "" keeps them."""

    region: str
    endpoint: str = ""


class Aws:
    """Credentials come from the environment as AWS's own tools find them. `deadline` is for one call."""

    def __init__(self, *, deadline: timedelta = DEADLINE) -> None:
        self._deadline = deadline
        self._session = aiobotocore.session.get_session()
        self._session.register_component("data_loader", _models())
        self._clients: dict[tuple[str, Where], Any] = {}
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def ask(self, where: Where, api: str, operation: str, about: str, /, **values: Any) -> Answer:
        """One call of `api`'s `operation` (such as ecs, DescribeServices); `about` names the resource in errors.

        Throttling and 5xx are tried three times within about a second. Raises Conflict, Pressed or another
        TemporaryFailure, Absent or another PermanentFailure, with AWS's own words.
        """
        return await _patiently(lambda: self._once(where, api, operation, about, values))

    async def all(self, where: Where, api: str, operation: str, about: str, key: str, /, **values: Any) -> list[Any]:
        """The items under `key` of all pages of an answer. Raises as `ask` does."""
        return await _patiently(lambda: self._pages(where, api, operation, about, key, values))

    async def inputs(self, where: Where, service: str, operation: str) -> Collection[str]:
        """The names of the values that `operation` takes."""
        client = await self._client(where, service)
        members: Mapping[str, Any] = client.meta.service_model.operation_model(operation).input_shape.members
        return members.keys()

    async def close(self) -> None:
        """End all connections; a later call opens new ones."""
        stack, self._stack = self._stack, AsyncExitStack()
        self._clients.clear()
        await stack.aclose()

    async def _pages(
        self, where: Where, api: str, operation: str, about: str, key: str, values: Mapping[str, Any]
    ) -> list[Any]:
        found: list[Any] = []
        async with self._told(api, operation, about):
            client = await self._client(where, api)
            pages = client.get_paginator(_method(client, operation)).paginate(**values)
            async with asyncio.timeout(self._deadline.total_seconds()):
                async for page in pages:
                    found.extend(_aws_own(client, operation, page).get(key, ()))
        return found

    async def _once(self, where: Where, service: str, operation: str, about: str, values: Mapping[str, Any]) -> Answer:
        async with self._told(service, operation, about):
            client = await self._client(where, service)
            async with asyncio.timeout(self._deadline.total_seconds()):
                answer: Answer = await getattr(client, _method(client, operation))(**values)
            return _aws_own(client, operation, answer)

    async def _client(self, where: Where, service: str) -> Any:
        async with self._opening:
            if (service, where) not in self._clients:
                self._clients[service, where] = await self._open(where, service)
            return self._clients[service, where]

    async def _open(self, where: Where, service: str) -> Any:
        seconds = self._deadline.total_seconds()
        config = AioConfig(
            connect_timeout=min(seconds, _CONNECT.total_seconds()),
            read_timeout=seconds,
            retries={"total_max_attempts": 1},  # what may be repeated is decided here, by class
        )
        made = self._session.create_client(
            service, region_name=where.region, endpoint_url=where.endpoint or None, config=config
        )
        return await self._stack.enter_async_context(made)

    @asynccontextmanager
    async def _told(self, service: str, operation: str, about: str) -> AsyncIterator[None]:
        """AWS's and the SDK's errors as the engine's."""
        what = f"{operation} for {about}"
        try:
            yield
        except ClientError as error:
            raise sort_answer(error.response, service, operation, about) from error
        except TimeoutError as error:
            seconds = self._deadline.total_seconds()
            reason = f"AWS did not answer {what} within {seconds:g} s."
            raise TemporaryFailure(reason, "See what AWS says of it if this lasts.", retry_after=_SOON) from error
        except ResponseParserError as error:
            reason = f"The answer to {what} is not one of AWS's: {str(error)[:200].rstrip('.')}."
            raise TemporaryFailure(reason, "Check the endpoint in the settings.", retry_after=_SOON) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise PermanentFailure(f"There are no credentials for {what}.", GIVE_CREDENTIALS) from error
        except (ParamValidationError, NoRegionError) as error:
            told = " ".join(str(error).split()).rstrip(".")
            raise PermanentFailure(f"{what} cannot be asked: {told}.", "Correct it in the settings.") from error
        except (HTTPClientError, SdkConnectionError, OSError) as error:
            reason = f"AWS cannot be reached for {what}: {str(error).rstrip('.')}."
            raise TemporaryFailure(reason, "See what AWS says of it if this lasts.", retry_after=_SOON) from error
        except BotoCoreError as error:
            raise PermanentFailure(f"{what} did not work: {str(error).rstrip('.')}.", GIVE_CREDENTIALS) from error


async def _patiently(call: Callable[[], Awaitable[_Result]]) -> _Result:
    for pause in _PAUSES:
        try:
            return await call()
        except Pressed:
            await asyncio.sleep(pause)
    return await call()


async def afresh(change: Callable[[], Awaitable[_Result]]) -> _Result:
    """Read, decide and change; again from the read when somebody else was faster. Raises Conflict after three turns."""
    for _ in range(_TURNS - 1):
        try:
            return await change()
        except Conflict:
            await asyncio.sleep(_FIRST_LOOK)
    return await change()


async def until(happened: Callable[[], Awaitable[bool]], within: timedelta) -> bool:
    """Look until it has happened, seldomer with time; False when it has not `within` this time."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + within.total_seconds(), _FIRST_LOOK
    while not await happened():
        if loop.time() + pause > end:
            return False
        await asyncio.sleep(pause)
        pause = min(_LAST_LOOK, pause * 2)
    return True


def _aws_own(client: Any, operation: str, answer: Answer) -> Answer:
    """The answer. Raises ResponseParserError for what the SDK takes for an empty one, such as a proxy's page."""
    shape = client.meta.service_model.operation_model(operation).output_shape
    if shape is not None and shape.members and not answer.keys() - {"ResponseMetadata"}:
        raise ResponseParserError(f"it has none of {', '.join(shape.members)}")
    return answer


@functools.cache
def _models() -> Any:
    """The descriptions of the APIs, some megabytes each: read once for all connections."""
    return create_loader()


def _method(client: Any, operation: str) -> str:
    names: Mapping[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in names.items() if name == operation)

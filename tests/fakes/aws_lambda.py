"""What Lambda checks and moto does not: revisions, updates that take a moment, weights, versions in use."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from typing import Any

from aiohttp import web
from moto.backends import get_backend

from tests.fakes.aws import ACCOUNT, REGION, Answered, Call, Cloud, Refusal, passed, told

_STALE = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction API to retrieve it."
_BUSY = "The operation cannot be performed at this time. An update is in progress for resource: {}"


class Functions:
    """Stands in the door for Lambda. `sick` gives a published version another state with its reason."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.sick: dict[str, tuple[str, str]] = {}
        self.failed_update = ""
        self._revisions: defaultdict[tuple[str, ...], str] = defaultdict(lambda: str(uuid.uuid4()))
        self._updating: set[str] = set()
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._published: dict[str, tuple[str, str]] = {}
        own = {
            "GetFunctionConfiguration": self._configuration,
            "UpdateFunctionCode": self._update,
            "UpdateFunctionConfiguration": self._update,
            "PublishVersion": self._publish,
            "ListVersionsByFunction": self._list,
            "GetAlias": self._get_alias,
            "CreateAlias": self._set_alias,
            "UpdateAlias": self._set_alias,
            "DeleteFunction": self._delete,
        }
        cloud.handlers.update({("lambda", name): handler for name, handler in own.items()})

    def touch(self, function: str, *alias: str) -> None:
        """Somebody else changes the function, or its alias: it has another revision."""
        self._revisions[function, *alias] = str(uuid.uuid4())

    async def _configuration(self, call: Call) -> web.Response:
        answered = await self._cloud.forward(call)
        if answered.status != 200:
            return passed(answered)
        value, (function,) = answered.json(), call.path
        number = call.values.get("Qualifier", "$LATEST")
        if number == "$LATEST":
            value |= {"RevisionId": self._revisions[function,], **self._update_status(function)}
        elif number in self.sick:
            value |= {"State": self.sick[number][0], "StateReason": self.sick[number][1]}
        return told(value)

    def _update_status(self, function: str) -> dict[str, str]:
        if function in self._updating:
            self._updating.discard(function)
            return {"LastUpdateStatus": "InProgress"}
        if self.failed_update:
            return {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": self.failed_update}
        return {"LastUpdateStatus": "Successful"}

    async def _update(self, call: Call) -> web.Response:
        (function,) = call.path
        if function in self._updating:
            raise Refusal("ResourceConflictException", _BUSY.format(function), 409)
        self._check(call, function)
        answered = await self._cloud.forward(call)
        self.touch(function)
        self._updating.add(function)
        return passed(answered)

    async def _publish(self, call: Call) -> web.Response:
        """As Lambda: nothing new without a change, and a number is never used again."""
        (function,) = call.path
        self._check(call, function)
        backend = get_backend("lambda")[ACCOUNT][REGION]
        latest = backend.get_function(function)
        if call.values.get("CodeSha256", latest.code_sha_256) != latest.code_sha_256:
            raise Refusal("InvalidParameterValueException", "CodeSHA256 is different from current CodeSHA256", 400)
        content = (latest.code_sha_256, latest.description)
        last = self._published.get(function)
        if last == content:
            return told(backend.list_versions_by_function(function)[-1].get_configuration(), 201)
        latest.code_or_config_updated = True
        made = backend.publish_version(function, call.values.get("Description", ""))
        self._numbers[function] += 1
        made.set_version(self._numbers[function])
        self._published[function] = content
        self.touch(function)
        return told(made.get_configuration(), 201)

    async def _list(self, call: Call) -> web.Response:
        answered = await self._cloud.forward(call)
        value = answered.json()
        for one in value.get("Versions", ()):
            for hidden in ("State", "StateReason", "LastUpdateStatus"):
                one.pop(hidden, None)
        return told(value, answered.status)

    async def _get_alias(self, call: Call) -> web.Response:
        answered = await self._cloud.forward(call)
        return self._alias(answered, call.path) if answered.status < 300 else passed(answered)

    async def _set_alias(self, call: Call) -> web.Response:
        function = call.path[0]
        key = call.path if len(call.path) > 1 else (function, call.values["Name"])
        if call.operation == "UpdateAlias":
            self._check(call, *key)
        routing = call.values.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        self._check_routing(function, call.values["FunctionVersion"], routing)
        answered = await self._cloud.forward(call)
        self.touch(*key)
        return self._alias(answered, key) if answered.status < 300 else passed(answered)

    def _check_routing(self, function: str, main: str, routing: dict[str, float]) -> None:
        known = {str(one.version) for one in get_backend("lambda")[ACCOUNT][REGION].list_versions_by_function(function)}
        if not {main, *routing} <= known:
            raise Refusal("ResourceNotFoundException", "Function version not found", 404)
        if len(routing) > 1 or main in routing or any(not 0 <= share <= 1 for share in routing.values()):
            raise Refusal("InvalidParameterValueException", "Invalid routing config", 400)

    def _alias(self, answered: Answered, key: tuple[str, ...]) -> web.Response:
        value: dict[str, Any] = answered.json() | {"RevisionId": self._revisions[key]}
        return told(value, answered.status)

    async def _delete(self, call: Call) -> web.Response:
        (function,) = call.path
        number = call.values.get("Qualifier", "")
        for alias in get_backend("lambda")[ACCOUNT][REGION].list_aliases(function):
            if number in (alias.function_version, *_routed(alias.routing_config)):
                said = f"Version {number} cannot be deleted, it is referenced by alias {alias.name}"
                raise Refusal("ResourceConflictException", said, 409)
        return passed(await self._cloud.forward(call))

    def _check(self, call: Call, *key: str) -> None:
        if call.values.get("RevisionId", self._revisions[key]) != self._revisions[key]:
            raise Refusal("PreconditionFailedException", _STALE, 412)


def _routed(routing: Any) -> tuple[str, ...]:
    config = json.loads(routing) if isinstance(routing, str) else routing or {}
    return tuple(config.get("AdditionalVersionWeights", {}))

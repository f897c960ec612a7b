"""openapi.json and the server say the same."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from bot.inputs.api import (
    lifecycle,
    marks,
    permits,
    schemas,
    schemas_alerts,
    schemas_deployments,
    schemas_gates,
    schemas_services,
    schemas_trains,
)
from bot.inputs.api.openapi import document
from bot.inputs.api.routes import ENDPOINTS, build_api
from bot.readings.now import AlertRow
from tests.unit.api.house import Client, House, Json, a_client
from tests.unit.board.alert_scene import AlertScene

BODIES = {
    "/components/{service}/{environment}/scale": {"instances": 3},
    "/deployments": {"service": "shop", "version": "v2", "environment": "production"},
    "/freezes": {"environment": "staging", "seconds": 60},
    "/freezes/end": {"environment": "staging"},
    "/services/{service}/versions/{version}/mark": {"bad": True, "reason": "it leaks"},
    "/silences": {"matchers": 'alertname="Odd"', "seconds": 60, "comment": "tests"},
    "/trains": {"services": [{"service": "shop", "version": "v1"}], "environment": "production"},
}
SHAPES = {
    name: one
    for name, one in (
        vars(schemas)
        | vars(lifecycle)
        | vars(permits)
        | vars(marks)
        | vars(schemas_alerts)
        | vars(schemas_deployments)
        | vars(schemas_gates)
        | vars(schemas_services)
        | vars(schemas_trains)
    ).items()
    if isinstance(one, type) and issubclass(one, BaseModel)
}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(one) for one in node.values()))
    return set().union(*(references(one) for one in node)) if isinstance(node, list) else set()


def test_every_address_of_the_server_is_in_it_and_no_other() -> None:
    routes = build_api(House().api).router.routes()
    served = {(one.method, one.resource.canonical) for one in routes if one.resource and one.method != "HEAD"}
    written = {(method.upper(), path) for path, ways in document(ENDPOINTS)["paths"].items() for method in ways}
    assert served == written


def test_it_is_whole() -> None:
    written = document(ENDPOINTS)
    known = {f"#/components/schemas/{name}" for name in written["components"]["schemas"]}
    assert references(written) <= known
    ids = [way["operationId"] for ways in written["paths"].values() for way in ways.values()]
    assert len(ids) == len(set(ids))
    for path, ways in written["paths"].items():
        for way in ways.values():
            named = {one["name"] for one in way.get("parameters", []) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
    json.dumps(written)


async def test_it_is_served_to_everybody(client: Client) -> None:
    status, written = await client.get("/openapi.json")
    assert (status, written["openapi"]) == (200, "3.1.0")


async def test_every_answer_fits_what_it_says() -> None:
    """Each address is asked, and what comes is read strictly into the shape that the document names."""
    scene = AlertScene(House())
    async with a_client(scene.house) as client:
        await every_answer_fits(client, await everything(client, scene))


async def every_answer_fits(client: Client, ids: dict[str, str]) -> None:
    written = document(ENDPOINTS)
    for endpoint in ENDPOINTS:
        names = {"service": "shop", "environment": "staging", "version": "v1"}
        path = endpoint.path.format(**names, id=ids[endpoint.path.split("/")[1]])
        if endpoint.method == "GET":
            status, answer = await client.get(path)
        else:
            status, answer = await client.post(path, BODIES.get(endpoint.path, {}), "ben")
        way = written["paths"][endpoint.path][endpoint.method.lower()]
        reference = way["responses"][str(status)]["content"]["application/json"]["schema"]["$ref"]
        SHAPES[reference.rsplit("/", 1)[1]].model_validate_json(json.dumps(answer))
        assert status in {endpoint.status, 409}, (endpoint.path, answer)


async def everything(client: Client, scene: AlertScene) -> dict[str, str]:
    """Something of every kind; the ids to ask for, by the first word of the address."""
    house = client.house
    scene.busy()
    await scene.notify("pages", alertname="Odd")
    house.alerts.append(AlertRow("Odd", "pending", {"alertname": "Odd"}, {"summary": "s"}, 1.5, house.clock()))
    incident = await house.fire()
    body: Json = {"service": "shop", "version": "v1", "environment": "staging"}
    await client.post("/deployments", body)
    await house.durable.run_for(timedelta(minutes=1))
    _, made = await client.post("/deployments", {**body, "version": "v2"})
    await house.durable.run_for(timedelta(seconds=6))
    _, silence = await client.post("/silences", BODIES["/silences"])
    _, train = await client.post("/trains", BODIES["/trains"])
    everywhere = dict.fromkeys(
        ("overview", "services", "components", "locks", "freezes", "alerts", "notifications", "oncall", "reports"), ""
    )
    rule = scene.statuses[0].rule.id
    ids = {"deployments": made["id"], "incidents": incident, "silences": silence["id"], "trains": train["id"]}
    return {**everywhere, **ids, "rules": rule}

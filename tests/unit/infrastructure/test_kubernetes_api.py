"""What the Kubernetes API may answer, and what we make of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.kubernetes import services
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.failures import Conflict, Gone, Missing, message_of
from engine.infrastructure.kubernetes.kinds import POD, SERVICE, Choice, Ref
from engine.strategy_specs import StrategySpec
from engine.targets import KubernetesTarget
from tests.fakes.kubernetes_api import a_list, events, hang, ok, renew_token, scripted_api, status, text

SHOP = Ref(SERVICE, "sales", "shop")
PODS = Choice(POD, "sales", "pilothouse.dev/service")


@pytest.fixture
async def server(tmp_path):
    async with scripted_api(tmp_path) as made:
        yield made


@pytest.fixture
async def api(server):
    made = Api(server.kubeconfig, "", patience=timedelta(milliseconds=300))
    yield made
    await made.close()


def place(server) -> Placement:
    target = KubernetesTarget("shop", "shop:{version}", 8080, namespace="sales", kubeconfig=server.kubeconfig)
    return Placement(
        ServiceName("shop"), EnvironmentName("production"), target, HealthCheck(), StrategySpec("all", "rolling")
    )


def service(revision: str, **selector: str):
    return {
        "kind": "Service",
        "metadata": {"name": "shop", "resourceVersion": revision},
        "spec": {"selector": selector},
    }


@pytest.mark.parametrize(
    ("code", "kind", "remedy"),
    [
        (400, PermanentFailure, "settings or in the manifest"),
        (401, PermanentFailure, "Renew the credentials"),
        (403, PermanentFailure, "by a Role in the namespace"),
        (404, Missing, "correct its name or namespace"),
        (409, Conflict, "who else writes"),
        (410, Gone, "Read it anew"),
        (422, PermanentFailure, "settings or in the manifest"),
        (429, TemporaryFailure, "limits requests"),
        (500, TemporaryFailure, "API server is well"),
        (503, TemporaryFailure, "API server is well"),
    ],
)
async def test_a_refusal_says_what_was_asked_what_the_api_said_and_what_to_do(api, server, code, kind, remedy) -> None:
    server.answer("GET shop", status(code, "because of me"))
    with pytest.raises(kind) as refused:
        await api.get(SHOP)
    assert refused.value.reason == "Kubernetes refused to read Service shop in namespace sales: because of me."
    assert remedy in refused.value.remedy
    assert "again" not in refused.value.remedy  # only whoever asks knows whether there is another try


async def test_a_limit_says_when_to_come_again(api, server) -> None:
    server.answer("GET shop", status(429, "slow down", {"Retry-After": "7"}))
    with pytest.raises(TemporaryFailure) as refused:
        await api.get(SHOP)
    assert refused.value.retry_after == timedelta(seconds=7)


async def test_silence_is_a_temporary_failure(api, server) -> None:
    server.answer("GET shop", hang)
    with pytest.raises(TemporaryFailure, match="it did not answer in time") as refused:
        await api.get(SHOP)
    assert refused.value.retry_after


async def test_nobody_at_the_address_is_a_temporary_failure(tmp_path) -> None:
    async with scripted_api(tmp_path) as gone:
        api = Api(gone.kubeconfig, "")
    with pytest.raises(TemporaryFailure, match="could not be asked to read Service shop"):
        await api.get(SHOP)
    await api.close()


async def test_what_is_not_json_is_a_temporary_failure(api, server) -> None:
    server.answer("GET shop", text("<html>a proxy's page</html>"))
    with pytest.raises(TemporaryFailure, match="not JSON"):
        await api.get(SHOP)


async def test_expired_credentials_are_read_anew_once(api, server) -> None:
    server.answer("GET shop", ok(service("1")), status(401, "Unauthorized"), ok(service("2")))
    await api.get(SHOP)
    renew_token(server, "second")
    assert (await api.get(SHOP))["metadata"]["resourceVersion"] == "2"
    assert [one.token for one in server.asked] == ["Bearer first", "Bearer first", "Bearer second"]


@pytest.mark.parametrize(("name", "content"), [("none", None), ("broken", "{"), ("empty", "{}")])
async def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path, name, content) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    api = Api(str(path), "")
    with pytest.raises(PermanentFailure, match=f"kubeconfig {path} cannot be used"):
        await api.get(SHOP)


async def test_a_context_that_is_not_there_is_said(server) -> None:
    with pytest.raises(PermanentFailure, match="other"):
        await Api(server.kubeconfig, "other").get(SHOP)


async def test_a_conflict_is_tried_again_on_a_fresh_read(api, server) -> None:
    server.answer("GET shop", ok(service("1", app="legacy")), ok(service("2", app="legacy", tier="web")))
    server.answer("PATCH shop", status(409, "the object has been modified"), ok(service("3")))
    await services.select(api, place(server), "shop", {"version": "v1"})
    first, second = server.calls("PATCH shop")
    assert first.body["metadata"]["resourceVersion"] == "1"
    assert second.body["metadata"]["resourceVersion"] == "2"
    assert second.body["spec"]["selector"] == {"app": None, "tier": None, "version": "v1"}
    assert second.query["fieldManager"] == "pilothouse"


async def test_conflicts_without_end_are_a_temporary_failure(api, server) -> None:
    server.answer("GET shop", ok(service("1")))
    server.answer("PATCH shop", status(409, "the object has been modified"))
    with pytest.raises(TemporaryFailure, match="has been modified"):
        await services.select(api, place(server), "shop", {"version": "v1"})
    assert len(server.calls("PATCH shop")) == 6


async def test_a_selector_that_is_right_is_not_written(api, server) -> None:
    server.answer("GET shop", ok(service("1", version="v1")))
    await services.select(api, place(server), "shop", {"version": "v1"})
    assert server.calls("PATCH shop") == []


async def test_a_watch_without_the_right_is_refused(api, server) -> None:
    server.answer("WATCH pods", status(403, "pods is forbidden"))
    with pytest.raises(PermanentFailure, match=r"watch pods with pilothouse\.dev/service in namespace sales"):
        await anext(api.watch(PODS, "1"))


async def test_an_error_in_a_watch_is_raised_by_its_code(api, server) -> None:
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
    server.answer("WATCH pods", events(gone))
    watch = api.watch(PODS, "1")
    assert await anext(watch) is None
    with pytest.raises(Gone, match="too old resource version"):
        await anext(watch)


async def test_a_watch_that_is_cut_is_a_temporary_failure(api, server) -> None:
    server.answer("WATCH pods", events(cut=True))
    watch = api.watch(PODS, "1")
    assert await anext(watch) is None
    with pytest.raises(TemporaryFailure):
        await anext(watch)


async def test_a_delete_is_only_for_the_object_as_it_was_seen(api, server) -> None:
    server.answer("DELETE shop", ok({"kind": "Status", "status": "Success"}))
    await api.delete(SHOP, only={"uid": "u", "resourceVersion": "5"})
    assert server.calls("DELETE shop")[0].body["preconditions"] == {"uid": "u", "resourceVersion": "5"}


async def test_the_owned_services_are_by_name(api, server) -> None:
    marks = {"pilothouse.dev/version": "v1"}
    items = [{"metadata": {"name": "shop-v1", "labels": marks}}, {"metadata": {"name": "other", "labels": {}}}]
    server.answer("GET services", ok(a_list("1", *items)))
    assert await services.owned(api, place(server)) == {"shop-v1": Version("v1")}


@pytest.mark.parametrize(
    ("body", "said"),
    [(b'{"message": "no."}', "no."), (b'["x"]', '["x"].'), (b"", ""), (b"down\n", "down."), (b"\xff", "�.")],
)
def test_the_message_of_any_answer(body, said) -> None:
    assert message_of(body) == said

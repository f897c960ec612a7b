"""What people can ask, and what they are told when they ask for something that is not there."""

import pytest

from tests.fakes.house import House, all_text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("commands")]


async def test_help_shows_what_this_person_may_do(house: House) -> None:
    approver, viewer = await house.ask("ada", "/ops help"), await house.ask("cleo", "/ops help")
    assert "/ops approve ID" in all_text(approver)
    assert "/ops status" in all_text(viewer)
    assert "/ops approve ID" not in all_text(viewer)


async def test_status_and_services_tell_of_every_place(house: House) -> None:
    status, services = await house.ask("cleo", "/ops status"), await house.ask("cleo", "/ops services")
    for place in ("shop in staging", "shop in production"):
        assert place in all_text(status)
        assert place in all_text(services)
    assert "`v1`, `v2`, `v3`, `v4`" in all_text(services)
    assert "<@U0BEN>" in all_text(status)


async def test_deploy_alone_opens_a_form_that_plans_a_deployment(house: House) -> None:
    ada, before = await house.person("ada"), house.chronicle.last()
    mark = ada.mark()
    await ada.command("deploys", "/deploy")
    view = await ada.wait_view(since=mark)
    await ada.submit(view, {"service": "shop", "version": "v1", "environment": "production"})
    id = await house.planned(after=before)  # noqa: A001
    assert house.chronicle.deployment(id).plan.version == "v1"
    assert (await house.ask("ada", "/ops abort shop in production"))["text"]
    await house.end_of(id, "DeploymentCancelled")


async def test_the_form_says_at_the_input_what_is_wrong(house: House) -> None:
    ada, before = await house.person("ada"), house.chronicle.last()
    mark = ada.mark()
    await ada.command("deploys", "/ops deploy shop")
    view = await ada.wait_view(since=mark)
    answer = await ada.submit(view, {"service": "shop", "version": "two words", "environment": "staging"})
    assert "one word" in str(answer["errors"]["version"])
    assert house.chronicle.facts("deployment/", after=before) == []
    await ada.close_view(view)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/ops depoly shop v1 to staging", "Did you mean /ops deploy shop v1 to staging?"),
        ("/ops deploy shpo v1 to staging", "Did you mean /ops deploy shop v1 to staging?"),
        ("/ops deploy shop v1 to stagin", "Did you mean /ops deploy shop v1 to staging?"),
        ("/ops deploy shop v9 to staging", "shop has no version 'v9'. Known: v1, v2, v3, v4."),
        ("/ops deploy shop ../../v1 to staging", "version"),
        ("/ops deploy shop v1 to staging now please", "more words"),
        ("/ops approve d-nothing", "There is no deployment 'd-nothing'."),
        ("/ops ack inc-nothing", "incident"),
        ("/ops rollback shop in staging", "Nothing of shop runs in staging, so there is nothing to roll back."),
        ("/ops abort shop in staging", "Nothing of shop"),
        ("/ops " + "x" * 600, "at most 500"),
        ("/ops deploy <!channel>*`& v1 to staging", "There is no service"),
    ],
)
async def test_what_is_not_there_is_told_with_a_way_out(house: House, line: str, told: str) -> None:
    before = house.chronicle.last()
    answer = await house.ask("ada", line)
    assert told in str(answer["text"])
    assert "Traceback" not in all_text(answer)
    assert "<!channel>" not in all_text(answer)
    planned = [one for one in house.chronicle.facts("deployment/", after=before) if one.type == "DeploymentPlanned"]
    assert planned == []


async def test_the_button_of_a_suggestion_runs_the_corrected_line(house: House) -> None:
    ada, before = await house.person("ada"), house.chronicle.last()
    answer = await house.ask("ada", "/ops depoly shop v1 to production")
    await ada.click(answer, "suggestion.run")
    id = await house.planned(after=before)  # noqa: A001
    await house.ask("ada", "/ops abort shop in production")
    await house.end_of(id, "DeploymentCancelled")


async def test_who_may_not_is_told_who_may(house: House) -> None:
    before = house.chronicle.last()
    answer = await house.ask("cleo", "/ops deploy shop v1 to production")
    assert answer["text"] == "Cleo may not deploy to production. Ask Ada or Ben."
    denied = await house.chronicle.wait_type("AccessDenied", "audit", after=before)
    assert denied.data["person"] == "cleo"


async def test_the_same_delivery_twice_is_one_deployment(house: House) -> None:
    before = house.chronicle.last()
    house.workspace.faults.each_envelope_twice = True
    try:
        id = await house.deploy("ada", "v1")  # noqa: A001
        await house.ask("ada", "/ops abort shop in production")
        await house.end_of(id, "DeploymentCancelled")
    finally:
        house.workspace.faults.clear()
    begun = [one for one in house.chronicle.facts("deployment/", after=before) if one.type == "DeploymentPlanned"]
    assert len(begun) == 1

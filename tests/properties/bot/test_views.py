"""Whatever the state and whoever wrote its words: Slack takes what we draw, and outside text stays text."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alerting.incidents import incident as incidents
from bot.views.alerts import ShownAlert
from bot.views.answers import render_help, render_misunderstood, render_refusal
from bot.views.deployment import ABORT, APPROVE, RESUME, render_deployment
from bot.views.forms import render_deploy_form
from bot.views.home import render_home, render_stranger
from bot.views.incident import ACKNOWLEDGE, render_incident, render_page
from bot.views.outcome import render_outcome
from bot.words import commands
from bot.words.commands import VERBS
from bot.words.grammar import Misunderstood
from engine.commands import Abort, Approve, Deploy, Reject, Response, Restart, Resume, RollBack
from engine.deployments.deployment import State
from tests.fakes.blockkit import KNOWN_USER, buttons, check, check_surface
from tests.properties.bot import states

QUICK = settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],  # shrinking an overview takes minutes
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def mention(_: str) -> str:
    return KNOWN_USER


@QUICK
@given(states.drawn_deployments())
def test_a_deployment(deployment: Any) -> None:
    message = render_deployment(deployment, mention=mention, now=states.NOW)
    check(message)
    shown = buttons(message.blocks)
    if deployment.state is State.PLANNED and not deployment.approved:
        assert APPROVE in shown
        assert ABORT in shown
    if deployment.state is State.PAUSED:
        assert (APPROVE in shown) == (deployment.waiting_step is not None)
        assert (RESUME in shown) == (deployment.waiting_step is None)


@QUICK
@given(states.DRAWN_INCIDENTS)
def test_an_incident_and_its_page(incident: Any) -> None:
    message = render_incident(incident, mention=mention)
    check(message)
    assert (ACKNOWLEDGE in buttons(message.blocks)) == (incident.state is not incidents.State.RESOLVED)
    check(render_page(incident, mention=mention, person="ada", link="https://board.example/x"))


@QUICK
@given(states.OVERVIEWS, states.many(states.drawn_deployments(), 1))
def test_the_home_tab(overview: Any, waiting: Any) -> None:
    waiting = [replace(one, id=f"d-{index}") for index, one in enumerate(waiting * 20)]
    view = render_home(overview, person="ada", waiting=waiting, mention=mention)
    check_surface(view, "home")
    assert "home.board" in buttons(view["blocks"])


@QUICK
@given(states.OVERVIEWS, st.none() | states.SHORT, st.dictionaries(states.SHORT, st.lists(states.SHORT)))
def test_lookups(overview: Any, service: str | None, versions: dict[str, list[str]]) -> None:
    data = {
        "overview": overview,
        "services": overview.services,
        "versions": versions,
        "incidents": overview.incidents,
        "alerts": [ShownAlert(row) for row in overview.alerts],
        "asked": service or "",
        "on_call": overview.on_call,
        "url": "https://board.example/signin?code=1",
        "warning": "Rotate <it>.",
    }
    for command in (
        commands.ShowStatus(service),
        commands.ShowServices(),
        commands.ShowIncidents(),
        commands.ShowAlerts(),
        commands.ShowOnCall(),
        commands.OpenBoard(),
    ):
        message = render_outcome(command, Response("r", states.NOW, ok=True, data=data), mention=mention)
        check(message)
        assert "Rotate" in message.text


@QUICK
@given(states.LONG, states.LONG, states.SHORT)
def test_deeds_and_refusals(service: str, text: str, version: str) -> None:
    data = {"service": service[:100], "environment": service[:100], "version": version, "state": "x", "text": text}
    deeds = [Deploy("", "", ""), Approve("d"), Reject("d"), Abort("d"), Resume("d"), RollBack("", ""), Restart("", "")]
    for command in [*deeds, commands.TakeIncident()]:
        check(render_outcome(command, Response("r", states.NOW, ok=True, data=data), mention=mention))
    check(render_refusal(text or "No.", service, warning=text))
    check(render_misunderstood(Misunderstood(text or "No.", version, version), warning=""))


@QUICK
@given(st.lists(st.sampled_from(VERBS), unique=True, min_size=1), st.sampled_from(["", "deploy", "board"]))
def test_help(verbs: Any, only: str) -> None:
    check(render_help(verbs, only=only))


@QUICK
@given(states.LONG.filter(str.strip), states.LONG)
def test_a_stranger(reason: str, remedy: str) -> None:
    check_surface(render_stranger(reason, remedy), "home")


@QUICK
@given(
    st.lists(st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True), min_size=1, max_size=300, unique=True),
    st.dictionaries(states.SHORT, st.lists(states.SHORT, max_size=50), max_size=5),
)
def test_the_deploy_form(names: list[str], versions: dict[str, list[str]]) -> None:
    for chosen in (None, names[-1], "gone"):
        view = render_deploy_form(names, names[:3], versions, chosen=chosen)
        check_surface(view, "modal")

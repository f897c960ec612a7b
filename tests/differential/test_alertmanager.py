"""The same configuration, alerts and silences for a real Alertmanager and for us: the same notifications must come.

One difference is meant and switched off here: an end under a mute, which Alertmanager forgets and we tell later. It
has a world of its own at the end.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import pytest
import yaml
from aiohttp import web

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import fingerprint, shown_fingerprint
from alerting.alerts.store import AlertStore
from alerting.notify.dispatcher import Dispatcher
from alerting.notify.ledger import Ledger
from alerting.notify.ports import Teller
from alerting.notify.status import AlertGroup
from alerting.notify.webhook import WebhookTeller
from alerting.routing.config import Receiver, WebhookReceiver
from alerting.routing.load import parse_routing
from alerting.routing.matcher import Matcher, Op
from alerting.silences import silence as ours
from alerting.silences.desk import SilenceDesk
from tests.differential.worlds import KEPT, LENGTH, Fire, Maker, Resolve, Silence, World, kept_world, whole
from tests.fakes.alertmanager import Alertmanager, missing_alertmanager, version
from tests.fakes.memory_storage import MemoryDatabase

pytestmark = pytest.mark.xdist_group("alertmanager")
WORLDS: Final = 40
TOLERANCE: Final = 0.35
RUNS: Final = 3
Body = dict[str, Any]
Place = tuple[str, str, str]  # receiver, integration, group


@pytest.fixture(autouse=True)
def alertmanager_there() -> None:
    """Skip where there is none; in CI that is a failure."""
    lacking = missing_alertmanager()
    if lacking and os.environ.get("CI"):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)


@dataclass(frozen=True, slots=True)
class Heard:
    """One notification as it came in, `at` so many seconds after the start."""

    at: float
    body: Body

    @property
    def said(self) -> Body:
        """Everything that must be the same; times of alerts are as the script told them, save the ends."""
        told = self.body | {"alerts": [_alert(one) for one in self.body["alerts"]]}
        return {name: value for name, value in told.items() if name != "externalURL"}

    @property
    def short(self) -> str:
        """For a person who compares."""
        alerts = sorted(f"{'-' if one['status'] == 'resolved' else '+'}{_name(one)}" for one in self.body["alerts"])
        return f"{self.at:6.2f} {' '.join(alerts)}"


def _alert(one: Body) -> Body:
    return one | {"startsAt": one["startsAt"][:19], "endsAt": one["endsAt"][:19]}


def _name(one: Body) -> str:
    return "".join(one["labels"][label] for label in ("alertname", "site", "instance"))


class Ears:
    """Hears the webhooks of both."""

    def __init__(self) -> None:
        self.heard: defaultdict[str, defaultdict[Place, list[Heard]]] = defaultdict(lambda: defaultdict(list))
        self.start = 0.0

    async def listen(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        at = asyncio.get_running_loop().time() - self.start
        place = (request.match_info["receiver"], request.match_info["index"], body["groupKey"])
        self.heard[request.match_info["who"]][place].append(Heard(at, body))
        return web.Response()

    async def serve(self, stack: AsyncExitStack) -> str:
        app = web.Application()
        app.router.add_post("/{who}/{receiver}/{index}", self.listen)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"


Groups = list[tuple[str, Body, list[tuple[str, str, int, bool, list[str]]]]]
"""Receiver and labels of a group; of each alert fingerprint, state, silences, whether inhibited, and mute times."""


class Theirs:
    """A real Alertmanager, fed by its API."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def tell(self, alerts: Sequence[Body]) -> None:
        async with self._session.post(f"{self._url}/api/v2/alerts", json=alerts) as answer:
            assert answer.status == 200, await answer.text()

    async def silence(self, one: Silence, at: datetime) -> None:
        matchers = [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in one.matchers.items()]
        body = {
            "matchers": matchers,
            "startsAt": at.isoformat(),
            "endsAt": (at + timedelta(seconds=one.lasts)).isoformat(),
            "createdBy": "test",
            "comment": "test",
        }
        async with self._session.post(f"{self._url}/api/v2/silences", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def groups(self) -> Groups:
        async with self._session.get(f"{self._url}/api/v2/alerts/groups") as answer:
            return [
                (group["receiver"]["name"], group["labels"], [_state(one) for one in group["alerts"]])
                for group in await answer.json()
            ]


def _state(one: Body) -> tuple[str, str, int, bool, list[str]]:
    status = one["status"]
    muted = status.get("mutedBy", [])
    return one["fingerprint"], status["state"], len(status["silencedBy"]), bool(status["inhibitedBy"]), muted


class Ours:
    """Our dispatcher on storage in memory."""

    def __init__(self, config: str, session: aiohttp.ClientSession) -> None:
        self._session = session
        database = MemoryDatabase()
        self._desk = SilenceDesk(database.log, now=_now)
        self._store = AlertStore(database.records, now=_now)
        self._log = database.log
        routing = parse_routing("alertmanager.yml", config)
        self.dispatcher = Dispatcher(
            routing, self._store, database.records, database.log, self._desk, self._tellers, now=_now
        )

    def _tellers(self, receiver: Receiver) -> Sequence[Teller]:
        webhooks = [one for one in receiver.integrations if isinstance(one, WebhookReceiver)]
        here = [replace(one, url=one.url.replace("/theirs/", "/ours/")) for one in webhooks]
        return [WebhookTeller(one, self._session, external_url="http://x", now=_now) for one in here]

    async def tell(self, alerts: Sequence[Body]) -> None:
        await self._store.take([_received(one) for one in alerts])

    async def silence(self, one: Silence, at: datetime) -> None:
        matchers = tuple(Matcher(name, Op.EQUAL, value) for name, value in one.matchers.items())
        ends_at = at + timedelta(seconds=one.lasts)
        await self._desk.set(ours.Silence(ours.SilenceId(""), matchers, at, ends_at, at, "test", "test"))

    def groups(self) -> Groups:
        now, groups = _now(), self.dispatcher.groups()
        told = [(g.receiver, dict(g.labels), self._states(g, now)) for g in groups]
        return [group for group in told if group[2]]

    def _states(self, group: AlertGroup, now: datetime) -> list[tuple[str, str, int, bool, list[str]]]:
        firing = [one for one in group.alerts if not one.resolved(now)]
        found = [(one, self.dispatcher.status_of(one)) for one in firing]
        return [
            (
                shown_fingerprint(one.labels),
                "suppressed" if group.muted_by else s.state.value,
                len(s.silenced_by),
                bool(s.inhibited_by),
                list(group.muted_by),
            )
            for one, s in found
        ]

    async def reasons(self) -> dict[Place, list[str]]:
        """Why each notification was sent, as the log lists it."""
        listed: defaultdict[Place, list[str]] = defaultdict(list)
        for event in await self._log.read("notifications"):
            place = (event.data["receiver"], str(event.data["integration"]), event.data["group"])
            listed[place].append(event.data["reason"])
        return dict(listed)


def _received(told: Body) -> ReceivedAlert:
    now, labels = _now(), told["labels"]
    starts_at = datetime.fromisoformat(told["startsAt"])
    ends_at = datetime.fromisoformat(told["endsAt"]) if "endsAt" in told else now + timedelta(minutes=5)
    expires = "endsAt" not in told
    return ReceivedAlert(
        labels, told["annotations"], starts_at, ends_at, now, fingerprint(labels), "api", "http://g/", expires
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _told(deed: Fire | Resolve, began: dict[str, datetime], at: datetime) -> Body:
    mark = fingerprint(deed.labels)
    body: Body = {"labels": dict(deed.labels), "annotations": {}, "generatorURL": "http://g/"}
    if isinstance(deed, Resolve):
        return body | {"startsAt": began.pop(mark).isoformat(), "endsAt": at.isoformat()}
    start = began.setdefault(mark, at - timedelta(seconds=deed.age))
    body |= {"startsAt": start.isoformat(), "annotations": {"note": deed.note} if deed.note else {}}
    if deed.lasts is not None:
        del began[mark]
        body["endsAt"] = (at + timedelta(seconds=deed.lasts)).isoformat()
    return body


async def _play(worlds: Sequence[World], sides: tuple[Theirs, Ours], ears: Ears) -> None:
    """Tell both the scripts second by second."""
    loop, began = asyncio.get_running_loop(), dict[str, datetime]()
    ears.start, begun = loop.time(), _now()
    for second in range(LENGTH):
        await asyncio.sleep(max(ears.start + second - loop.time(), 0))
        at = begun + timedelta(seconds=second)
        deeds = [deed for world in worlds for when, deed in world.script if when == second]
        alerts = [_told(deed, began, at) for deed in deeds if not isinstance(deed, Silence)]
        for deed in deeds:
            if isinstance(deed, Silence):
                await asyncio.gather(*(side.silence(deed, _now()) for side in sides))
        await asyncio.gather(*(side.tell(alerts) for side in sides))
    await asyncio.sleep(max(ears.start + LENGTH + 2.3 - loop.time(), 0))


def _reasons(heard: Sequence[Heard]) -> list[str]:
    """Why each was sent, as Alertmanager decides it, from what the one before told. None may be cut short."""
    reasons, before = [], None
    for one in heard:
        firing = {alert["fingerprint"] for alert in one.body["alerts"] if alert["status"] == "firing"}
        resolved = {alert["fingerprint"] for alert in one.body["alerts"] if alert["status"] == "resolved"}
        if before is None or (firing and not before[0]):
            reasons.append("first")
        elif not firing <= before[0]:
            reasons.append("new alerts fire")
        elif not firing:
            reasons.append("all resolved")
        else:
            reasons.append("repeat interval passed" if resolved <= before[1] else "some resolved")
        before = firing, resolved
    return reasons


def _differences(theirs: Mapping[Place, list[Heard]], ours: Mapping[Place, list[Heard]]) -> dict[Place, str]:
    found = {}
    for place in sorted({*theirs, *ours}):
        pair = theirs.get(place, []), ours.get(place, [])
        same = [one.said for one in pair[0]] == [one.said for one in pair[1]]
        if not same or any(abs(a.at - b.at) > TOLERANCE for a, b in zip(*pair, strict=True)):
            lines = (str(place), "theirs", *(h.short for h in pair[0]), "ours", *(h.short for h in pair[1]))
            found[place] = "\n  ".join(lines)
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: what was heard, why, and the groups at the end."""

    theirs: Mapping[Place, list[Heard]]
    ours: Mapping[Place, list[Heard]]
    reasons: Mapping[Place, list[str]]
    groups: tuple[Groups, Groups]


async def _run() -> Outcome:
    async with AsyncExitStack() as stack:
        ears = Ears()
        url = await ears.serve(stack)
        worlds = [kept_world(f"{url}/theirs"), *(Maker(seed, f"{url}/theirs").world() for seed in range(WORLDS))]
        config = yaml.safe_dump(whole(worlds))
        manager = await stack.enter_async_context(Alertmanager(config))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        theirs, us = Theirs(session, manager.url), Ours(config, session)
        await us.dispatcher.load()
        running = asyncio.create_task(us.dispatcher.run(), name="dispatcher")
        await _play(worlds, (theirs, us), ears)
        groups = await theirs.groups(), us.groups()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return Outcome(ears.heard["theirs"], ears.heard["ours"], await us.reasons(), groups)


async def test_the_same_notifications_as_alertmanager(monkeypatch: pytest.MonkeyPatch) -> None:
    owes = Ledger.owes
    monkeypatch.setattr(Ledger, "owes", lambda *asked: asked[2].startswith(KEPT) and owes(*asked))
    # The script is the same in each run, a moment in which the machine had no time for one of the two is not.
    faults = _faults(await _run())
    for _ in range(RUNS - 1):
        faults = faults and {place: fault for place, fault in _faults(await _run()).items() if place in faults}
    assert not faults, "\n".join(faults.values())


def _faults(outcome: Outcome) -> dict[Place, str]:
    """In what the two differ, by place; ("", "", …) is for what is seen over all."""
    kept = {place for place in outcome.ours if place[0].startswith(KEPT)}
    theirs = {place: heard for place, heard in outcome.theirs.items() if place not in kept}
    ours = {place: heard for place, heard in outcome.ours.items() if place not in kept}
    faults = _differences(theirs, ours)
    assert sum(len(heard) for heard in ours.values()) > 200
    for place in theirs.keys() - _quiet(theirs):
        if outcome.reasons.get(place) != _reasons(theirs[place]):
            faults.setdefault(place, f"{place}: {outcome.reasons.get(place)} for {_reasons(theirs[place])}")
    # Older ones do not say in their lists which mute times hold.
    if version() >= (0, 28) and _seen(outcome.groups[0]) != _seen(outcome.groups[1]):
        faults["", "", "groups"] = f"{outcome.groups[0]}\n{outcome.groups[1]}"
    return faults | _kept_faults(outcome, kept)


def _kept_faults(outcome: Outcome, kept: set[Place]) -> dict[Place, str]:
    """The meant difference: they tell of the start only, we of the end too."""
    faults, meant = {}, (["firing"], ["firing", "resolved"])
    for place in kept:
        told = tuple([one.body["status"] for one in side.get(place, ())] for side in (outcome.theirs, outcome.ours))
        if told != meant:
            faults[place] = f"{place}: {told}"
    return faults if kept else {("", "", "kept"): "the world whose ends are kept was not told"}


def _seen(groups: Groups) -> Groups:
    """Without the mute times of what is inhibited: Alertmanager does not look for them then, if it never did."""
    return [
        (receiver, labels, [(*rest, inhibited, [] if inhibited else muted) for *rest, inhibited, muted in alerts])
        for receiver, labels, alerts in groups
    ]


def _quiet(heard: Mapping[Place, list[Heard]]) -> set[Place]:
    """The places that were told less than was known, so that the reason cannot be seen from outside."""
    return {
        place
        for place, told in heard.items()
        if place[1].endswith("-quiet") or any(one.body["truncatedAlerts"] for one in told)
    }

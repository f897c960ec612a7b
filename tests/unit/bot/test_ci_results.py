"""What CI systems hear: each status once, in the words they take, whatever their APIs do meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from bot.inputs.webhooks.wish import Origin
from bot.results.client import Answer, Caller, Limited, Refused, StatusClient, failure_of
from bot.results.github import HEADERS, GitHubStatuses
from bot.results.gitlab import GitLabStatuses
from bot.results.lane import Lane
from bot.results.status import Progress, Status, shortened, status_of
from bot.results.told import COLLECTION, PATIENCE, Subject, subject_of
from engine.catalog import EnvironmentName, ServiceName, Version
from engine.deployments.deployment import Deployment, DeploymentId, PersonId, Plan, Purpose, State
from engine.errors import TemporaryFailure
from engine.strategy_specs import StrategySpec
from storage.errors import StorageUnavailable
from tests.fakes.ci_server import PROJECT, REPOSITORY, SHA, TOKEN, CiServer, Trouble
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

COMMIT = Origin(REPOSITORY, SHA, "main")
DEPLOYMENT = Origin(REPOSITORY, SHA, "main", deployment=7)
PIPELINE = Origin(PROJECT, SHA, "main", pipeline=31)
REQUEST = "webhook:runs:run 1"
WAITING = Status(Progress.WAITING, "planned", "shop v2 waits for approval", "https://ops.example.com/d/1")
RUNNING = Status(Progress.RUNNING, "running", "shop v2 is being deployed", "https://ops.example.com/d/1")
PAUSED = Status(Progress.RUNNING, "paused", "shop v2 waits for a decision", "https://ops.example.com/d/1")
DONE = Status(Progress.SUCCEEDED, "succeeded", "shop v2 runs", "https://ops.example.com/d/1")


@dataclass
class Road:
    """A lane to a CI server, and what the operators heard."""

    server: CiServer
    http: aiohttp.ClientSession
    clock: VirtualClock = field(default_factory=VirtualClock)
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    told: list[tuple[str, str]] = field(default_factory=list)
    acting: bool = True

    async def tell(self, what: str, remedy: str) -> None:
        self.told.append((what, remedy))

    def client(self, origin: Origin, token: str = TOKEN) -> StatusClient:
        if origin.project == PROJECT:
            caller = Caller(self.http, f"{self.server.url}/api/v4", {"PRIVATE-TOKEN": token}, now=self.clock)
            return GitLabStatuses(caller, "pilothouse/staging")
        headers = {**HEADERS, "Authorization": f"Bearer {token}"}
        return GitHubStatuses(Caller(self.http, self.server.url, headers, now=self.clock), "pilothouse/staging")

    def lane(self, origin: Origin, token: str = TOKEN) -> Lane:
        client = self.client(origin, token)
        return Lane("runs", client, self.database.records, self.tell, now=self.clock, acting=lambda: self.acting)


def subject(origin: Origin, request: str = REQUEST) -> Subject:
    return Subject(request, "runs", origin, "d-1")


async def send(lane: Lane, origin: Origin, *statuses: Status, request: str = REQUEST) -> None:
    lane.add(subject(origin, request))
    for status in statuses:
        lane.want(request, status)
        await lane.step()


@asynccontextmanager
async def a_road() -> AsyncIterator[Road]:
    async with CiServer() as server, aiohttp.ClientSession() as http:
        yield Road(server, http)


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    async with a_road() as opened:
        yield opened


async def test_a_commit_hears_each_state_once(road: Road) -> None:
    lane = road.lane(COMMIT)
    await send(lane, COMMIT, WAITING, RUNNING, RUNNING, PAUSED, RUNNING, DONE, DONE)
    states = [(one["state"], one["description"]) for one in road.server.commit_statuses]
    assert states == [
        ("pending", WAITING.text),
        ("pending", RUNNING.text),
        ("pending", PAUSED.text),
        ("pending", RUNNING.text),
        ("success", DONE.text),
    ]
    assert {one["context"] for one in road.server.commit_statuses} == {"pilothouse/staging"}
    assert {one["target_url"] for one in road.server.commit_statuses} == {DONE.link}
    assert await road.database.records.all(COLLECTION) == {}


async def test_after_the_end_nothing_more_is_told(road: Road) -> None:
    lane = road.lane(COMMIT)
    await send(lane, COMMIT, RUNNING, DONE)
    # Whoever looked at the deployment just before comes late.
    lane.want(REQUEST, DONE)
    lane.want(REQUEST, RUNNING)
    assert await lane.step() is None
    assert [one["state"] for one in road.server.commit_statuses] == ["pending", "success"]


async def test_an_older_look_hides_no_newer_one(road: Road) -> None:
    lane = road.lane(COMMIT)
    lane.add(subject(COMMIT))
    lane.want(REQUEST, replace(PAUSED, version=7))
    lane.want(REQUEST, replace(RUNNING, version=6))
    await lane.step()
    assert [one["description"] for one in road.server.commit_statuses] == [PAUSED.text]


async def test_a_deployment_hears_that_it_is_in_progress(road: Road) -> None:
    await send(road.lane(DEPLOYMENT), DEPLOYMENT, WAITING, RUNNING, DONE)
    assert [one["state"] for one in road.server.deployment_statuses] == ["pending", "in_progress", "success"]
    assert road.server.deployment_statuses[-1]["log_url"] == DONE.link


async def test_gitlab_is_never_told_to_go_where_it_is(road: Road) -> None:
    await send(road.lane(PIPELINE), PIPELINE, WAITING, RUNNING, PAUSED, RUNNING, DONE)
    assert road.server.gitlab_told == ["pending", "running", "success"]
    assert not road.told


@pytest.mark.parametrize("origin", [COMMIT, DEPLOYMENT, PIPELINE])
async def test_an_answer_that_is_lost_is_not_told_twice(road: Road, origin: Origin) -> None:
    lane = road.lane(origin)
    await send(lane, origin, WAITING)
    road.server.troubles.append(Trouble(502, arrives=True))
    await send(lane, origin, DONE)
    writes = road.server.writes
    road.clock.advance(timedelta(minutes=1))
    await lane.step()
    assert road.server.writes == writes
    assert await road.database.records.all(COLLECTION) == {}


@pytest.mark.parametrize("origin", [COMMIT, DEPLOYMENT, PIPELINE])
async def test_the_next_replica_looks_whether_it_was_told(road: Road, origin: Origin) -> None:
    first = road.lane(origin)
    await send(first, origin, WAITING)
    road.server.troubles.append(Trouble(502, arrives=True))
    await send(first, origin, DONE)
    writes = road.server.writes
    (kept,) = (await road.database.records.all(COLLECTION)).values()
    assert kept["telling"]
    second = road.lane(origin)
    second.add(subject_of(kept))
    road.clock.advance(timedelta(minutes=1))
    await second.step()
    assert road.server.writes == writes
    assert await road.database.records.all(COLLECTION) == {}


async def test_what_fails_for_a_moment_is_tried_again_at_growing_distances(road: Road) -> None:
    lane = road.lane(COMMIT)
    lane.add(subject(COMMIT))
    lane.want(REQUEST, RUNNING)
    road.server.troubles.extend(Trouble(status) for status in (500, 502, 503, 504, 408, 409))
    begun, pauses = road.clock.at, []
    while not road.server.commit_statuses:
        due = await lane.step()
        if due is not None:
            pauses.append(due - road.clock.at)
            road.clock.at = due
    assert pauses[:4] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert road.clock.at - begun < timedelta(hours=1)
    assert not road.told


async def test_a_limit_makes_everything_wait_as_long_as_it_says(road: Road) -> None:
    lane = road.lane(COMMIT)
    road.server.troubles.append(Trouble(429, {"Retry-After": "120"}))
    await send(lane, COMMIT, RUNNING, request="webhook:runs:run 1")
    writes, reads = road.server.writes, road.server.reads
    await send(lane, COMMIT, RUNNING, request="webhook:runs:run 2")
    road.clock.advance(timedelta(seconds=119))
    await lane.step()
    assert (road.server.writes, road.server.reads) == (writes, reads)
    road.clock.advance(timedelta(seconds=1))
    await lane.step()
    assert road.server.commit_statuses
    assert not road.told


@pytest.mark.parametrize("token", ["wrong"])
async def test_a_wrong_token_is_told_once_and_given_up(road: Road, token: str) -> None:
    lane = road.lane(COMMIT, token)
    for number in range(3):
        await send(lane, COMMIT, RUNNING, request=f"webhook:runs:run {number}")
    ((what, remedy),) = road.told
    assert "trigger runs" in what
    assert "401" in what
    assert "Bad credentials" in what
    assert "set a new one" in remedy
    assert await road.database.records.all(COLLECTION) == {}


@pytest.mark.parametrize(
    ("origin", "word"),
    [
        (Origin("acme/gone", SHA), "404"),
        (Origin(REPOSITORY, "0" * 40), "No commit found for SHA"),
        (Origin(REPOSITORY, SHA, deployment=8), "404"),
        (Origin(PROJECT, "0" * 40, "main"), "Commit Not Found"),
    ],
)
async def test_what_is_not_there_is_told_and_given_up(road: Road, origin: Origin, word: str) -> None:
    await send(road.lane(origin), origin, RUNNING)
    ((what, _),) = road.told
    assert word in what


async def test_a_long_reason_fits(road: Road) -> None:
    long = Status(Progress.FAILED, "failed", "shop v2 failed: " + "very " * 100)
    for origin in (COMMIT, DEPLOYMENT, PIPELINE):
        await send(road.lane(origin), origin, long, request=str(origin))
    assert not road.told
    assert len(road.server.commit_statuses[-1]["description"]) <= 140
    assert len(road.server.gitlab_statuses[-1]["description"]) <= 255


async def test_a_replica_that_does_not_act_tells_nothing(road: Road) -> None:
    lane, road.acting = road.lane(COMMIT), False
    await send(lane, COMMIT, RUNNING)
    assert road.server.writes == 0


async def test_after_a_day_it_is_given_up(road: Road) -> None:
    lane = road.lane(COMMIT)
    lane.add(subject(COMMIT))
    lane.want(REQUEST, RUNNING)
    for _ in range(2):
        road.server.troubles.append(Trouble(500))
        await lane.step()
        road.clock.advance(PATIENCE)
    assert len(road.told) == 1


async def test_a_database_that_is_away_makes_it_wait(road: Road) -> None:
    lane, put = road.lane(COMMIT), road.database.records.put

    async def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("It is away", "Start it")

    road.database.records.put = away  # type: ignore[method-assign]
    await send(lane, COMMIT, DONE)
    assert not road.server.commit_statuses
    road.database.records.put = put  # type: ignore[method-assign]
    road.clock.advance(timedelta(minutes=1))
    await lane.step()
    assert [one["state"] for one in road.server.commit_statuses] == ["success"]


NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (Answer(429, {}, ""), 60),
        (Answer(429, {"Retry-After": "7"}, ""), 7),
        (Answer(503, {"retry-after": "7"}, ""), 7),
        (Answer(403, {"Retry-After": "30"}, "secondary"), 30),
        (Answer(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, ""), 90),
        (Answer(403, {}, '{"message": "You have exceeded a secondary rate limit"}'), 60),
        (Answer(429, {"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOW.timestamp()) + 5)}, ""), 5),
    ],
)
def test_limits_say_how_long(answer: Answer, pause: int) -> None:
    failure = failure_of(answer, "POST x", now=NOW)
    assert isinstance(failure, Limited)
    assert failure.retry_after == timedelta(seconds=pause)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410, 422])
def test_what_stays_wrong(status: int) -> None:
    failure = failure_of(Answer(status, {}, '{"message": "No"}'), "POST x", now=NOW)
    assert isinstance(failure, Refused)
    assert failure.remedy


@pytest.mark.parametrize("text", ["", "<html>", "[1]", '{"message": {"a": []}}', "[" * 9999])
def test_any_answer_is_put_into_words(text: str) -> None:
    assert isinstance(failure_of(Answer(500, {}, text), "POST x", now=NOW), TemporaryFailure)
    assert len(str(failure_of(Answer(500, {}, text * 1000), "POST x", now=NOW))) < 500


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_words(state: State) -> None:
    strategy = StrategySpec("quick", "rolling")
    place = ServiceName("shop"), EnvironmentName("production")
    plan = Plan(*place, Version("v2"), "digest", None, 1, strategy, 1, four_eyes=True, expires_at=None)
    begun = Deployment(DeploymentId("d-1"), plan, Purpose.DEPLOY, PersonId("runs"), NOW)
    deployment = replace(begun, state=state, reason="so\nit is")
    status = status_of(deployment, link="https://ops.example.com")
    assert status.ended == deployment.ended
    assert status.text.startswith("shop v2 in production ")
    assert "\n" not in status.text
    assert len(shortened(status.text, 30)) <= 30

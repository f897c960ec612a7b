"""What we make of the engine's words, and what a container is made from, without an engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from engine.infrastructure.container.containers import Standing, config_of, instance_of, standing_of
from engine.infrastructure.container.faults import Absent, Conflict, fault, pull_fault, slow, unreached
from engine.infrastructure.container.images import _versions, image_name
from engine.ports import InstanceHealth, InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import ContainerTarget

NAME = InstanceId("shop-production-v1-1")


def placement(**different: Any) -> Placement:
    target = ContainerTarget(**{"image": "shop:{version}", "container_port": 8080, "port": 80, **different})
    names = ServiceName("shop"), EnvironmentName("production")
    return Placement(*names, target, HealthCheck(), StrategySpec("all", "rolling"))


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (404, "No such container: x", Absent),
        (409, "removal of container x is already in progress", Conflict),
        (409, 'Conflict. The container name "/x" is already in use by container "1"', Conflict),
        (500, 'the container name "x-1" is already in use by 6a: that name is already in use', Conflict),
        (500, "rootlessport listen tcp 127.0.0.1:80: bind: address already in use", TemporaryFailure),
        (500, "netavark: No such file or directory", TemporaryFailure),
        (503, "busy", TemporaryFailure),
        (429, "too many requests", TemporaryFailure),
        (500, 'runc create failed: exec: "/nope": stat /nope: no such file or directory', PermanentFailure),
        (400, "invalid reference format", PermanentFailure),
        (900, "Cannot connect to Docker Engine via unix:///x [No such file or directory]", TemporaryFailure),
        (900, "Cannot connect to Docker Engine via unix:///x [Permission denied]", PermanentFailure),
    ],
)
def test_each_answer_has_its_class(status: int, words: str, kind: type[EngineError]):
    failure = fault(status, words, "start container x", "unix:///x")
    assert type(failure) is kind
    assert words.rstrip(".") in failure.reason
    assert failure.remedy


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("manifest unknown", Absent),
        ("pull access denied for shop, repository does not exist or may require 'docker login'", Absent),
        ("unauthorized: authentication required", Absent),
        ("dial tcp: lookup registry.example on 10.0.0.1:53: no such host", TemporaryFailure),
        ("x509: certificate signed by unknown authority", TemporaryFailure),
        ("received unexpected HTTP status: 503 Service Unavailable", TemporaryFailure),
    ],
)
def test_a_pull_tells_who_is_missing_from_who_is_away(words: str, kind: type[EngineError]):
    failure = pull_fault("registry.example/shop:v1", words)
    assert type(failure) is kind
    assert "registry.example/shop:v1" in failure.reason
    assert "again" not in failure.remedy  # a person who asks for a plan is answered at once, and nothing is tried again


def test_no_answer_is_a_trouble():
    assert isinstance(unreached("Connection refused", "tcp://127.0.0.1:1"), TemporaryFailure)
    assert "15 s" in slow("list containers", "unix:///x", timedelta(seconds=15)).reason


@pytest.mark.parametrize(
    ("template", "tag", "version"),
    [
        ("shop:{version}", "shop:v1", "v1"),
        ("shop:{version}", "localhost/shop:v1", "v1"),
        ("shop:{version}", "docker.io/library/shop:v1", "v1"),
        ("team/shop:{version}", "docker.io/team/shop:v1", "v1"),
        ("team/shop:{version}", "localhost/team/shop:v1", "v1"),
        ("registry.example:5000/shop:{version}", "registry.example:5000/shop:1.2.3", "1.2.3"),
        ("registry.example/shop:{version}", "docker.io/registry.example/shop:1", None),
        ("registry.example/shop-{version}", "registry.example/shop-v1:latest", "v1"),
        ("shop-{version}:{version}", "shop-v1:v1", "v1"),
        ("shop-{version}:{version}", "shop-v1:v2", None),
        ("shop:{version}", "shopping:v1", None),
        ("shop:{version}", "other/shop:v1", None),
        ("shop:{version}-slim", "shop:v1-slim", "v1"),
        ("shop:{version}-slim", "shop:v1", None),
    ],
)
def test_tags_that_fit_are_versions(template: str, tag: str, version: str | None):
    assert _versions(template, [{"RepoTags": [tag]}]) == (() if version is None else (version,))


def test_versions_are_told_once_and_in_order():
    images = [{"RepoTags": ["shop:v10", "shop:v9", "localhost/shop:v9"]}, {"RepoTags": None}, {"RepoTags": ["x:v1"]}]
    assert _versions("shop:{version}", images) == ("v9", "v10")


def test_an_image_without_version_is_refused():
    with pytest.raises(PermanentFailure, match=r"no \{version\}"):
        image_name(placement(image="shop:latest"), Version("v1"))


def test_a_container_is_made_of_its_settings():
    place = placement(environment={"COLOUR": "green", "PORT": "1"}, stop_timeout=timedelta(milliseconds=1500))
    config = config_of(place, Version("v1"), NAME, "shop:v1")
    assert config["Env"] == ["COLOUR=green", "PORT=8080", f"PILOTHOUSE_INSTANCE={NAME}"]
    assert config["StopTimeout"] == 2
    assert config["HostConfig"]["RestartPolicy"] == {"Name": "no"}
    assert config["HostConfig"]["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}
    assert "Cmd" not in config
    assert config_of(placement(command=("serve", "x")), Version("v1"), NAME, "i")["Cmd"] == ["serve", "x"]


def _found(**state: Any) -> dict[str, Any]:
    told = {"Status": "running", "Pid": 42, "ExitCode": 0, "Error": "", "StartedAt": "2026-11-24T14:28:03.718290106Z"}
    return {
        "State": {**told, **state},
        "Config": {"Labels": {"pilothouse.instance": NAME, "pilothouse.version": "v1"}},
        "NetworkSettings": {"Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "39025"}]}},
    }


def test_a_running_container_is_an_instance():
    seen = instance_of(placement(), _found(), "")
    assert (seen.id, seen.version, seen.address, seen.pid) == (NAME, "v1", "127.0.0.1:39025", 42)
    assert seen.started_at == datetime(2026, 11, 24, 14, 28, 3, 718290, tzinfo=UTC)
    assert (seen.health, seen.note, seen.judged) == (InstanceHealth.STARTING, "", False)


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ({"ExitCode": 3}, "Ended with exit status 3.\nno database"),
        ({"ExitCode": 137}, "Ended with exit status 137 (SIGKILL).\nno database"),
        ({"ExitCode": 137, "OOMKilled": True}, "Ended with exit status 137: it used more memory than it may.\nno data"),
        ({"ExitCode": 127, "Error": "exec failed"}, "Ended with exit status 127. exec failed\nno database"),
    ],
)
def test_an_ended_container_says_why(state: dict[str, Any], note: str):
    ended = {**_found(Status="exited", **state), "NetworkSettings": {"Ports": {}}}
    seen = instance_of(placement(), ended, "no database")
    assert seen.health is InstanceHealth.DEAD
    assert seen.note.startswith(note)
    assert seen.address == "127.0.0.1:0"


def test_every_status_has_a_standing():
    assert standing_of(_found(Status="created")) is Standing.MADE
    assert standing_of(_found(Status="paused")) is Standing.UP
    assert standing_of(_found(Status="removing")) is Standing.LEAVING
    assert standing_of(_found(Status="dead")) is Standing.ENDED

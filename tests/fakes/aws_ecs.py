"""What ECS's scheduler and the load balancer's checks do, which moto leaves out.

One beat passes whenever somebody lists services or describes tasks. A task comes up in two beats, a target is healthy
from the second look on, a target that leaves drains for one look. The end of an image's name says its fate:
`-crashes`, `-unpullable`, `-unready`, `-unplaced`.
"""

from __future__ import annotations

import itertools
import re
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web
from moto.backends import get_backend

from tests.fakes.aws import ACCOUNT, REGION, Call, Cloud, Refusal, passed, told

_XMLNS = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
UNPLACED = "was unable to place a task because no container instance met all of its requirements."


@dataclass(slots=True)
class FakeTask:
    """A task of a service."""

    service: str
    image: str
    ip: str
    cluster: str
    arn: str = field(default_factory=lambda: f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shops/{uuid.uuid4().hex}")
    status: str = "PROVISIONING"
    desired: str = "RUNNING"
    created: float = field(default_factory=time.time)
    tags: dict[str, str] = field(default_factory=dict)
    protected: bool = False
    stopped: str = ""
    exit_code: int | None = None
    detail: str = ""

    def end(self, reason: str, exit_code: int | None = None, detail: str = "") -> None:
        self.status = self.desired = "STOPPED"
        self.stopped, self.exit_code, self.detail = reason, exit_code, detail


class Scheduler:
    """Stands in the door for the ECS and load balancer calls that moto does not make true."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.tasks: list[FakeTask] = []
        self.stuck = False  # tasks that were told to end go on running
        self.sick: set[str] = set()  # names of services whose targets fail their checks
        self._looks: dict[tuple[str, str], int] = {}
        self._draining: dict[tuple[str, str], int] = {}
        self._created: dict[str, float] = {}
        self._rest: set[str] = set()
        self._ips = (f"10.0.{high}.{low}" for high, low in itertools.product(range(256), range(10, 250)))
        own = {
            "ListServices": self._list_services,
            "CreateService": self._create_service,
            "DescribeServices": self._describe_services,
            "UpdateService": self._update_service,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
            "UpdateTaskProtection": self._protect,
            "TagResource": self._tag,
        }
        cloud.handlers.update({("ecs", name): handler for name, handler in own.items()})
        balancer = {
            "DescribeTargetHealth": self._target_health,
            "RegisterTargets": self._register,
            "DeregisterTargets": self._deregister,
            "ModifyRule": self._write_rule,
            "CreateRule": self._write_rule,
        }
        cloud.handlers.update({("elasticloadbalancing", name): handler for name, handler in balancer.items()})

    def beat(self) -> None:
        """One moment passes for every service."""
        for service in list(self._services().values()):
            mine = [task for task in self.tasks if task.service == service.name]
            for task in mine:
                self._advance(service, task)
            self._scale(service, [task for task in mine if task.desired == "RUNNING"])

    def _services(self) -> dict[str, Any]:
        return get_backend("ecs")[ACCOUNT][REGION].services

    def _groups(self) -> dict[str, Any]:
        return get_backend("elbv2")[ACCOUNT][REGION].target_groups

    def _image(self, service: Any) -> str:
        definition = get_backend("ecs")[ACCOUNT][REGION].describe_task_definition(service.task_definition)
        return str(definition.container_definitions[0]["image"])

    def _advance(self, service: Any, task: FakeTask) -> None:
        if task.status == "PROVISIONING" and task.image.endswith("-unpullable"):
            task.end("CannotPullContainerError: pull image manifest has been retried 1 time(s): not found")
            self._rest.add(service.name)
        elif task.status == "PROVISIONING":
            task.status = "RUNNING"
            self._enter(service, task)
        elif task.status == "RUNNING" and task.image.endswith("-crashes"):
            self._leave(service, task)
            task.end("Essential container in task exited", 1)
            self._rest.add(service.name)
        elif task.status == "DEACTIVATING" and not self.stuck:
            task.end(task.stopped)

    def _scale(self, service: Any, alive: list[FakeTask]) -> None:
        want = int(service.desired_count) if service.status == "ACTIVE" else 0
        image = self._image(service)
        if image.endswith("-unplaced"):
            message = f"(service {service.name}) {UNPLACED}"
            service.events = [{"id": uuid.uuid4().hex, "createdAt": time.time(), "message": message}]
        elif service.name in self._rest:
            self._rest.discard(service.name)  # a task that ended is seen once before its successor comes
        else:
            cluster = service.cluster_name
            new = [FakeTask(service.name, image, next(self._ips), cluster) for _ in range(want - len(alive))]
            self.tasks += new
        for task in [one for one in alive if not one.protected][: max(0, len(alive) - want)]:
            self._end(service, task, f"Scaling activity initiated by (deployment of {service.name})")

    def _end(self, service: Any, task: FakeTask, reason: str) -> None:
        self._leave(service, task)
        task.status, task.desired, task.stopped = "DEACTIVATING", "STOPPED", reason

    def running(self, name: str) -> list[FakeTask]:
        """The running tasks of a service, the oldest first."""
        return [task for task in self.tasks if (task.service, task.status) == (name, "RUNNING")]

    def kill(self, name: str) -> None:
        """The container of the service's oldest task is killed from outside, as soon as there is one."""
        while not self.running(name):
            self.beat()
        task = self.running(name)[0]
        service = next(one for one in self._services().values() if one.name == name)
        self._leave(service, task)
        task.end("Essential container in task exited", 137, "OutOfMemoryError: Container killed due to memory usage")
        self._rest.add(task.service)

    def _enter(self, service: Any, task: FakeTask) -> None:
        for balancer in service.load_balancers:
            group = balancer["targetGroupArn"]
            self._groups()[group].register([{"Id": task.ip, "Port": balancer["containerPort"]}])
            self._looks[group, task.ip] = 0

    def _leave(self, service: Any, task: FakeTask) -> None:
        for balancer in service.load_balancers:
            group = self._groups().get(balancer["targetGroupArn"])
            if group is not None and task.ip in group.targets:
                group.deregister([{"Id": task.ip}])
                self._draining[balancer["targetGroupArn"], task.ip] = 1

    async def _list_services(self, call: Call) -> web.Response:
        self.beat()
        cluster = call.values["cluster"]
        if not any(one.name == cluster for one in get_backend("ecs")[ACCOUNT][REGION].clusters.values()):
            raise Refusal("ClusterNotFoundException", "Cluster not found.")
        present = [one for one in self._services().values() if self._status(one) != "INACTIVE"]
        return told({"serviceArns": [one.arn for one in present if one.cluster_name == cluster]})

    def _status(self, service: Any) -> str:
        if service.status == "ACTIVE":
            return "ACTIVE"
        alive = any(task.service == service.name and task.status != "STOPPED" for task in self.tasks)
        return "DRAINING" if alive else "INACTIVE"

    async def _create_service(self, call: Call) -> web.Response:
        name, balancers = call.values["serviceName"], call.values.get("loadBalancers", ())
        for service in self._services().values():
            if service.name == name and self._status(service) == "ACTIVE":
                raise Refusal("InvalidParameterException", "Creation of service was not idempotent.")
            if service.name == name and self._status(service) == "DRAINING":
                raise Refusal("InvalidParameterException", "Unable to Start a service that is still Draining.")
        for balancer in balancers:
            if not self._in_use(balancer["targetGroupArn"]):
                said = f"The target group with targetGroupArn {balancer['targetGroupArn']} does not have an associated"
                raise Refusal("InvalidParameterException", f"{said} load balancer.")
        self._created[name] = time.time()
        self.tasks = [task for task in self.tasks if task.service != name]
        return passed(await self._cloud.forward(call))

    def _in_use(self, group: str) -> bool:
        balancers = get_backend("elbv2")[ACCOUNT][REGION].load_balancers.values()
        rules = [rule for one in balancers for listener in one.listeners.values() for rule in listener.rules.values()]
        return any(group in str(action.data) for rule in rules for action in rule.actions)

    async def _describe_services(self, call: Call) -> web.Response:
        answered = await self._cloud.forward(call)
        value = answered.json()
        by_name = {one.name: one for one in self._services().values()}
        for one in value.get("services", ()):
            one["status"] = self._status(by_name[one["serviceName"]])
            one["createdAt"] = self._created[one["serviceName"]]
        return told(value, answered.status)

    async def _update_service(self, call: Call) -> web.Response:
        for service in self._services().values():
            if service.name == call.values["service"] and service.status != "ACTIVE":
                raise Refusal("ServiceNotActiveException", "Service was not ACTIVE.")
        return passed(await self._cloud.forward(call))

    async def _list_tasks(self, call: Call) -> web.Response:
        wanted = call.values.get("serviceName"), call.values.get("desiredStatus", "RUNNING")
        return told({"taskArns": [task.arn for task in self.tasks if (task.service, task.desired) == wanted]})

    async def _describe_tasks(self, call: Call) -> web.Response:
        self.beat()
        found = [task for task in self.tasks if task.arn in call.values["tasks"]]
        return told({"tasks": [_told(task) for task in found], "failures": []})

    async def _stop_task(self, call: Call) -> web.Response:
        task = next(task for task in self.tasks if task.arn == call.values["task"])
        self.stuck = False
        task.stopped = call.values.get("reason", "")
        task.end(task.stopped)
        return told({"task": _told(task)})

    async def _protect(self, call: Call) -> web.Response:
        if len(call.values["tasks"]) > 10:
            raise Refusal("InvalidParameterException", "Tasks can have at most 10 items.")
        found = [task for task in self.tasks if task.arn in call.values["tasks"]]
        for task in found:
            task.protected = call.values["protectionEnabled"]
        done = [{"taskArn": task.arn, "protectionEnabled": task.protected} for task in found]
        return told({"protectedTasks": done, "failures": []})

    async def _tag(self, call: Call) -> web.Response:
        for task in self.tasks:
            if task.arn == call.values["resourceArn"]:
                task.tags.update({tag["key"]: tag["value"] for tag in call.values["tags"]})
                return told({})
        return passed(await self._cloud.forward(call))

    async def _target_health(self, call: Call) -> web.Response:
        arn = call.values["TargetGroupArn"]
        group = self._groups().get(arn)
        if group is None:
            raise Refusal("TargetGroupNotFound", "One or more target groups not found")
        members = [self._member(arn, target["Id"], target["Port"]) for target in group.targets.values()]
        leaving = [key for key in self._draining if key[0] == arn]
        for key in leaving:
            members.append(_member(key[1], 8000, "draining", "Target.DeregistrationInProgress", "It drains"))
            self._draining[key] -= 1
            if self._draining[key] <= 0:
                del self._draining[key]
        return _xml("DescribeTargetHealth", f"<TargetHealthDescriptions>{''.join(members)}</TargetHealthDescriptions>")

    def _member(self, arn: str, ip: str, port: int) -> str:
        self._looks[arn, ip] = looks = self._looks.get((arn, ip), 0) + 1
        image, name = next(((task.image, task.service) for task in self.tasks if task.ip == ip), ("", ""))
        if not self._in_use(arn):
            return _member(ip, port, "unused", "Target.NotInUse", "Target group is not configured to receive traffic")
        if image.endswith("-unready") or name in self.sick:
            said = "Health checks failed with these codes: [503]"
            return _member(ip, port, "unhealthy", "Target.ResponseCodeMismatch", said)
        if looks == 1:
            return _member(ip, port, "initial", "Elb.RegistrationInProgress", "Target registration is in progress")
        return _member(ip, port, "healthy")

    async def _register(self, call: Call) -> web.Response:
        arn, ip = call.values["TargetGroupArn"], call.values["Targets.member.1.Id"]
        self._looks[arn, ip] = 0
        self._draining.pop((arn, ip), None)
        return passed(await self._cloud.forward(call))

    async def _deregister(self, call: Call) -> web.Response:
        self._draining[call.values["TargetGroupArn"], call.values["Targets.member.1.Id"]] = 1
        return passed(await self._cloud.forward(call))

    async def _write_rule(self, call: Call) -> web.Response:
        """AWS checks what moto does not: weights, that a single group stands alone, and how much conditions ask.

        moto knows no regular expressions: it wants an empty list of values beside them.
        """
        said = [key for key in call.values if key.startswith("Conditions.") and re.search(r"Values\.member\.\d+$", key)]
        if len(said) > 5:
            raise Refusal("TooManyConditionValues", "A rule can have at most 5 condition values")
        weights = [value for key, value in call.values.items() if key.endswith(".Weight")]
        if any(not 0 <= int(weight) <= 999 for weight in weights):
            raise Refusal("ValidationError", "Weight has to be between 0 and 999")
        single = any(key.endswith("member.1.TargetGroupArn") and "Forward" not in key for key in call.values)
        if single and len(weights) > 1:
            raise Refusal("InvalidLoadBalancerAction", "You cannot specify both a target group ARN and several groups")
        patterns = {key.partition("RegexValues")[0] for key in call.values if "RegexValues" in key}
        empty = "".join(f"&{prefix}Values=" for prefix in sorted(patterns))
        return passed(await self._cloud.forward(replace(call, body=call.body + empty.encode())))


def _told(task: FakeTask) -> dict[str, Any]:
    details = [{"name": "privateIPv4Address", "value": task.ip}]
    container = {"name": "app", "exitCode": task.exit_code, "reason": task.detail}
    return {
        "taskArn": task.arn,
        "group": f"service:{task.service}",
        "lastStatus": task.status,
        "desiredStatus": task.desired,
        "createdAt": task.created,
        "healthStatus": "UNKNOWN",
        "stoppedReason": task.stopped,
        "tags": [{"key": key, "value": value} for key, value in task.tags.items()],
        "attachments": [{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": details}],
        "containers": [{key: value for key, value in container.items() if value is not None}],
    }


def _member(ip: str, port: int, state: str, reason: str = "", description: str = "") -> str:
    why = f"<Reason>{reason}</Reason><Description>{escape(description)}</Description>" if reason else ""
    return (
        f"<member><Target><Id>{ip}</Id><Port>{port}</Port></Target>"
        f"<TargetHealth><State>{state}</State>{why}</TargetHealth></member>"
    )


def _xml(operation: str, content: str) -> web.Response:
    result = f"<{operation}Result>{content}</{operation}Result>"
    text = f'<{operation}Response xmlns="{_XMLNS}">{result}</{operation}Response>'
    return web.Response(text=text, content_type="text/xml")

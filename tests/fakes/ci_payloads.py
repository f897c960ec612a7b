"""What CI systems send, cut down to what matters, and its signatures; made here and not by the code under test."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, Final

from tests.fakes.ci_server import PROJECT, REPOSITORY, SHA

SECRET: Final = "a secret of the tests, long enough"

Json = dict[str, Any]


def workflow_run(at: datetime, **changes: Any) -> Json:
    """A workflow that succeeded on main; `changes` are of the run."""
    run = {
        "id": 1001,
        "name": "release",
        "head_branch": "main",
        "head_sha": SHA,
        "run_number": 12,
        "run_attempt": 1,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "updated_at": at.isoformat().replace("+00:00", "Z"),
        "head_repository": {"full_name": REPOSITORY, "id": 1},
        **changes,
    }
    return {
        "action": "completed",
        "workflow_run": run,
        "workflow": {"id": 1, "name": run["name"]},
        "repository": {"id": 1, "full_name": REPOSITORY},
        "sender": {"login": "octocat"},
    }


def deployment(at: datetime, **changes: Any) -> Json:
    """A deployment that was created on GitHub; `changes` are of the deployment."""
    made = {
        "id": 7,
        "sha": SHA,
        "ref": "main",
        "task": "deploy",
        "payload": {"version": "v2"},
        "environment": "staging",
        "created_at": at.isoformat().replace("+00:00", "Z"),
        **changes,
    }
    return {"action": "created", "deployment": made, "repository": {"id": 1, "full_name": REPOSITORY}}


def pipeline(at: datetime, **changes: Any) -> Json:
    """A pipeline that succeeded on main; `changes` are of the pipeline."""
    attributes = {
        "id": 31,
        "ref": "main",
        "tag": False,
        "sha": SHA,
        "source": "push",
        "status": "success",
        "finished_at": f"{at:%Y-%m-%d %H:%M:%S} UTC",
        **changes,
    }
    project = {"id": int(PROJECT), "path_with_namespace": "acme/web/shop"}
    return {"object_kind": "pipeline", "object_attributes": attributes, "project": project}


def signature(body: bytes, secret: str = SECRET) -> str:
    """As openssl would make it."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def from_github(event: str, payload: Json | bytes, *, delivery: str = "d-1", secret: str = SECRET) -> Json:
    """`data` and `headers` of a delivery by GitHub."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": signature(body, secret),
    }
    return {"data": body, "headers": headers}


def from_gitlab(payload: Json | bytes, *, delivery: str = "d-1", secret: str = SECRET) -> Json:
    """`data` and `headers` of a delivery by GitLab."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Pipeline Hook",
        "X-Gitlab-Event-UUID": delivery,
        "X-Gitlab-Token": secret,
    }
    return {"data": body, "headers": headers}


def from_anybody(at: datetime, payload: Json | bytes, *, delivery: str = "d-1", secret: str = SECRET) -> Json:
    """`data` and `headers` of a generic delivery."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    stamp = str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Timestamp": stamp,
        "X-Delivery": delivery,
        "X-Signature-256": signature(f"{stamp}.{delivery}.".encode() + body, secret),
    }
    return {"data": body, "headers": headers}

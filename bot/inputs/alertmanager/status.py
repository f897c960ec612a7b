"""`/status`, `/receivers` and whether we live: what Alertmanager tells of itself."""

from __future__ import annotations

import platform
from typing import Final

from aiohttp import web

from alerting.routing.render import render_config
from bot.inputs.alertmanager.answers import Handler, answer
from bot.inputs.alertmanager.parts import Cluster, Parts
from bot.inputs.alertmanager.shapes import (
    ClusterStatus,
    Original,
    PeerStatus,
    Receiver,
    Status,
    VersionInfo,
    render_time,
)

COMPATIBLE: Final = "0.28.1"
"""Whose API this is. Clients choose by the version what they may ask, so it is Alertmanager's, not ours."""


def get_status(parts: Parts) -> Handler:
    """The replicas, the version, the configuration, and since when this one runs."""

    async def get(request: web.Request) -> web.Response:
        await parts.access.reader(parts.access.knock(request))
        status = Status(
            cluster=_cluster(await parts.cluster()),
            config=Original(render_config(parts.routing())),
            uptime=render_time(parts.started_at),
            version_info=VersionInfo(
                branch="",
                build_date="",
                build_user=f"pilothouse {parts.version}",
                go_version=f"python {platform.python_version()}",
                revision="",
                version=COMPATIBLE,
            ),
        )
        return answer(status)

    return get


def get_receivers(parts: Parts) -> Handler:
    """Every receiver by name."""

    async def get(request: web.Request) -> web.Response:
        await parts.access.reader(parts.access.knock(request))
        return answer([Receiver(name) for name in parts.routing().receivers])

    return get


async def alive(_: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="OK")


def _cluster(cluster: Cluster) -> ClusterStatus:
    peers = [PeerStatus(name, address) for name, address in sorted(cluster.peers)]
    return ClusterStatus(cluster.status, peers, cluster.name)

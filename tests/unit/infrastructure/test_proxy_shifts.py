"""Canaries and blue-greens under load through the real proxy: no request fails. The bench does ten times as many."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.errors import PermanentFailure
from engine.infrastructure import processes
from tests.bench.proxy_shifts import open_theatre, rehearse


@pytest.mark.parametrize("balancing", ["round-robin", "least-connections"])
async def test_no_request_fails_over_canaries_and_blue_greens(tmp_path, balancing):
    load = await rehearse(tmp_path, canaries=5, blue_greens=5, balancing=balancing, patience=30.0)
    assert load.bad == []
    assert load.good > 500


async def test_a_killed_proxy_still_knows_which_version_is_the_new_one(tmp_path):
    async with open_theatre(tmp_path) as theatre:
        new = await theatre.start()
        await theatre.shift({"v1": 100})
        await kill(tmp_path)
        await theatre.shifter.read(theatre.place)
        target = theatre.place.target
        assert await theatre.seen(target.preview_port) == new
        assert await theatre.seen(target.port, b"X-Try: new\r\n") == new
        assert await theatre.seen(target.port) == "v1"


async def test_a_taken_preview_port_is_named_and_nothing_is_changed(tmp_path):
    async with open_theatre(tmp_path) as theatre:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            theatre.place = replace(theatre.place, target=replace(theatre.place.target, preview_port=taken))
            with pytest.raises(PermanentFailure) as failed:
                await theatre.shift({"v1": 100})
        assert f"`preview_port` {taken}" in failed.value.reason
        assert "choose another" in failed.value.remedy
        assert await theatre.seen(theatre.place.target.port) == "v1"


async def test_a_preview_port_lost_over_a_crash_keeps_nothing_else_from_being_told(tmp_path, caplog):
    async with open_theatre(tmp_path) as theatre:
        port = theatre.place.target.preview_port
        await kill(tmp_path)
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port))
            thief.listen()
            new = await theatre.start()
            await theatre.shift({"v1": 100})
            assert f"`preview_port` {port}" in caplog.text
        await theatre.shift({"v1": 100})
        assert await theatre.seen(port) == new


async def kill(tmp_path):
    killed = processes.find_process(int((tmp_path / "proxy" / "proxy.pid").read_text()))
    os.kill(killed.pid, signal.SIGKILL)
    await processes.wait_end(killed, timedelta(seconds=5))

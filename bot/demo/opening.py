"""Brings the first version of the shop out the way a team would: typed and approved in the workspace by its people."""

from __future__ import annotations

from typing import Any, Final

from bot.workspace.client import WorkspaceClient

REQUESTER: Final = "U0ADA"
APPROVER: Final = "U0BEN"
CHANNEL: Final = "deploys"
PATIENCE: Final = 60.0  # seconds
APPROVE: Final = "deployment.approve"


async def bring_out(url: str, environment: str, *, approve: bool) -> None:
    """Deploy shop v1 and wait for the end. Raises TimeoutError when the message does not get there."""
    async with WorkspaceClient(url, REQUESTER) as ada, WorkspaceClient(url, APPROVER) as ben:
        await ada.command(CHANNEL, f"/ops deploy shop v1 to {environment}")
        if approve:
            planned = await ben.wait_message(CHANNEL, lambda message: _tells(message, environment, "Waiting"), PATIENCE)
            await ben.click(planned, APPROVE)
        await ada.wait_message(CHANNEL, lambda message: _tells(message, environment, "Succeeded"), PATIENCE)


def _tells(message: dict[str, Any], environment: str, word: str) -> bool:
    text = str(message.get("text", ""))
    return f"Deploy shop v1 to {environment}" in text and word in text

"""Why a call is refused, in Slack's own codes."""

from bot.workspace.limits import Refusal
from bot.workspace.model import Json


class Refused(Exception):
    """The call cannot be done. `error` is Slack's code; `extra` goes into the answer beside it."""

    def __init__(self, error: str, *, status: int = 200, extra: Json | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.extra: Json = extra or {}

    @classmethod
    def of(cls, refusal: Refusal) -> "Refused":
        """The refusal of a block, message or view that breaks Slack's limits."""
        if not refusal.messages:
            return cls(refusal.error)
        plain = [message.removeprefix("[ERROR] ") for message in refusal.messages]
        return cls(refusal.error, extra={"errors": plain, "response_metadata": {"messages": list(refusal.messages)}})

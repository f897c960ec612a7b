"""What can be wrong with a silence, in Alertmanager's words, so that its clients find what they know.

PermanentFailure
 ├─ InvalidSilence   it could mute nothing, everything, or at no time
 └─ UnknownSilence   no silence has this id, or it ended so long ago that it was forgotten
"""

from alerting.errors import PermanentFailure


class InvalidSilence(PermanentFailure):
    """The silence itself is wrong; the reason is the message of Alertmanager's API."""


class UnknownSilence(PermanentFailure):
    """No silence has this id."""

    def __init__(self) -> None:
        super().__init__("silence not found")

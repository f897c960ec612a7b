"""What can go wrong with storage.

StorageError              reason: what happened; remedy: what to do next
├── Conflict              somebody else appended to the stream first: load it again and decide anew
├── KeyTaken              another stream holds the open card for this kind and key
├── StorageUnavailable    the database cannot be used now: full, read-only, unreachable, refused, closed
└── NewerSchema           a newer Pilothouse has written this database
"""


class StorageError(Exception):
    """Storage did not do what was asked; nothing of it was written."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}.")
        self.reason = reason
        self.remedy = remedy


class Conflict(StorageError):
    """The stream is not at the version the writer decided upon."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{stream} is at version {actual}, not {expected}",
            "Load it again and decide anew",
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual


class KeyTaken(StorageError):
    """Another stream (`stream`) holds the one open card of this kind and key."""

    def __init__(self, kind: str, key: str, stream: str) -> None:
        super().__init__(
            f"An open {kind} for {key} exists already: {stream}",
            "Finish that one first",
        )
        self.kind = kind
        self.key = key
        self.stream = stream


class StorageUnavailable(StorageError):
    """The database cannot be used now; trying again later may succeed."""


class NewerSchema(StorageError):
    """The database's revision (`stored`) is unknown to this version, whose newest is `known`."""

    def __init__(self, stored: str, known: str) -> None:
        super().__init__(
            f"The database is at revision {stored}, this version knows up to {known}",
            "Start the newer version that wrote it, or restore a backup made before the upgrade",
        )
        self.stored = stored
        self.known = known

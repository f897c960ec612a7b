"""The part of fault translation both databases share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import sqlalchemy as sa

from storage.errors import StorageUnavailable

Explain: TypeAlias = Callable[[BaseException], Exception | None]

POOL_REMEDY: Final = "Check that the database answers; if it does, raise the pool's max_connections"


@contextmanager
def translated(explain: Explain) -> Iterator[None]:
    """Raise what `explain` makes of a driver's error; what it does not know is a bug and passes."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StorageUnavailable("No connection became free in time", POOL_REMEDY) from error
    except sa.exc.StatementError as error:
        cause = error.orig or error
        if isinstance(cause, ValueError):  # a value the codec refused
            raise cause from None
        raise explain(cause) or error from cause


def closed() -> StorageUnavailable:
    """The error for using a database after `close`."""
    return StorageUnavailable("The database has been closed", "Open it again")

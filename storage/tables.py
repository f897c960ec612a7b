"""The tables, as SQLModel classes; statements use their SQLAlchemy tables, named in lower case at the end.

Times are text on SQLite (fixed width, so text order is time order) and timestamptz on PostgreSQL; values are JSON
text on both, because jsonb would change numbers and refuse the NUL character.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.codec import JSON, decode, decode_time, encode, encode_time


class JsonText(sa.TypeDecorator[JSON]):
    """A JSON object kept as text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: JSON | None, _: sa.Dialect) -> str | None:
        return None if value is None else encode(value)

    def process_result_value(self, value: Any, _: sa.Dialect) -> JSON | None:
        return None if value is None else decode(value)


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC time with microseconds."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | str | None:
        if value is None or dialect.name == "postgresql":
            return value
        return encode_time(value)

    def process_result_value(self, value: Any, _: sa.Dialect) -> datetime | None:
        if isinstance(value, str):
            return decode_time(value)
        return None if value is None else value.astimezone(UTC)


BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Stored(SQLModel):
    """The base of our tables, with metadata of its own so that no other package's tables join them."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData()


class EventRow(Stored, table=True):
    """One event of the log. `position` orders all events, from 1 without a gap; `version` those of one stream."""

    __tablename__ = "events"
    __table_args__ = (sa.UniqueConstraint("stream", "version", name="events_stream_version"),)

    position: int = Field(primary_key=True, sa_type=BIG, sa_column_kwargs={"autoincrement": False})
    id: str = Field(sa_type=sa.Text)
    stream: str = Field(sa_type=sa.Text)
    version: int
    type: str = Field(sa_type=sa.Text)
    data: dict[str, Any] = Field(sa_type=JsonText)
    at: datetime = Field(sa_type=Moment)
    actor: str = Field(sa_type=sa.Text)
    correlation: str = Field(sa_type=sa.Text)
    priority: str = Field(sa_type=sa.Text)


class CardRow(Stored, table=True):
    """`position` is that of the event which began the stream: the order of lists."""

    __tablename__ = "cards"
    __table_args__ = (
        sa.Index(
            "cards_one_open",
            "kind",
            "key",
            unique=True,
            sqlite_where=sa.text("open"),
            postgresql_where=sa.text("open"),
        ),
        sa.Index("cards_by_kind", "kind", "position"),
    )

    stream: str = Field(primary_key=True, sa_type=sa.Text)
    kind: str = Field(sa_type=sa.Text)
    key: str = Field(sa_type=sa.Text)
    state: str = Field(sa_type=sa.Text)
    open: bool
    data: dict[str, Any] = Field(sa_type=JsonText)
    position: int = Field(sa_type=BIG)
    opened_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class SnapshotRow(Stored, table=True):
    """The newest snapshot of a stream: its state after the event `version`."""

    __tablename__ = "snapshots"

    stream: str = Field(primary_key=True, sa_type=sa.Text)
    version: int
    data: dict[str, Any] = Field(sa_type=JsonText)
    at: datetime = Field(sa_type=Moment)


class RecordRow(Stored, table=True):
    """A value under a key of a collection, replaced as a whole; `at` is when, `revision` the write's number."""

    __tablename__ = "records"
    __table_args__ = (sa.Index("records_by_revision", "collection", "revision"),)

    collection: str = Field(primary_key=True, sa_type=sa.Text)
    key: str = Field(primary_key=True, sa_type=sa.Text)
    value: dict[str, Any] = Field(sa_type=JsonText)
    at: datetime = Field(sa_type=Moment)
    revision: int = Field(sa_type=BIG)


class CollectionRow(Stored, table=True):
    """How often a collection of records was written: only ever more, also when its records are deleted."""

    __tablename__ = "collections"

    collection: str = Field(primary_key=True, sa_type=sa.Text)
    revision: int = Field(sa_type=BIG)


class ClaimRow(Stored, table=True):
    """A key that is taken until `expires_at`, so that what it stands for is done once."""

    __tablename__ = "claims"

    key: str = Field(primary_key=True, sa_type=sa.Text)
    expires_at: datetime = Field(sa_type=Moment, index=True)


class LeaseRow(Stored, table=True):
    """A role that one process at a time has: `holder`, until `expires_at` unless renewed."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True, sa_type=sa.Text)
    holder: str = Field(sa_type=sa.Text)
    expires_at: datetime = Field(sa_type=Moment)


events: Final = Stored.metadata.tables["events"]
cards: Final = Stored.metadata.tables["cards"]
snapshots: Final = Stored.metadata.tables["snapshots"]
records: Final = Stored.metadata.tables["records"]
collections: Final = Stored.metadata.tables["collections"]
claims: Final = Stored.metadata.tables["claims"]
leases: Final = Stored.metadata.tables["leases"]

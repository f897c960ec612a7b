"""Records know in which order they were written, so that other replicas can read what is new."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Number the records; those there are count as written by the first write."""
    op.add_column("records", sa.Column("revision", BIG, nullable=False, server_default="1"))
    op.create_index("records_by_revision", "records", ["collection", "revision"])
    op.create_table(
        "collections",
        sa.Column("collection", sa.Text, primary_key=True),
        sa.Column("revision", BIG, nullable=False),
    )
    op.execute("INSERT INTO collections (collection, revision) SELECT DISTINCT collection, 1 FROM records")

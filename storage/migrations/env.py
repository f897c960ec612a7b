"""What Alembic runs: the migrations, in the transaction that `storage.sql.migrate` has opened and locked."""

from alembic import context

from storage.migrations import VERSION_TABLE
from storage.tables import Stored

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Stored.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

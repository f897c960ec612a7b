"""The schema's history. `REVISIONS` names it, oldest first, so that a start can compare without Alembic."""

from typing import Final

REVISIONS: Final = ("0001", "0002")
HEAD: Final = REVISIONS[-1]
VERSION_TABLE: Final = "storage_version"

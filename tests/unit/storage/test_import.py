"""The ports are cheap to know."""

import subprocess
import sys


def test_ports_load_no_database_library() -> None:
    ports = "storage, storage.database, storage.events, storage.records, storage.claims, storage.leases"
    heavy = "{'sqlalchemy', 'sqlmodel', 'alembic', 'psycopg', 'aiosqlite', 'pydantic'}"
    code = f"import sys, {ports}; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

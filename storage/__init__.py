"""Keeps facts and knows no domain: an event log, records, claims and leases, on SQLite or PostgreSQL.

Importing this package, or any module that holds its values and ports, loads no database library; only
`storage.database.open_database` does, and only the driver it needs.
"""

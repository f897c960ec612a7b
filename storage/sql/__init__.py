"""Storage on SQL databases: one set of statements, two backends."""

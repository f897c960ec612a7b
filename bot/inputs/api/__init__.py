"""The HTTP API as a door."""

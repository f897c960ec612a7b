"""The one HTTP port: who may come in, the board, the APIs, service discovery and metrics."""

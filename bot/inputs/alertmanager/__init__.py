"""Alertmanager's API v2 below `/alertmanager`, so that Prometheus pushes to us and amtool works against us."""

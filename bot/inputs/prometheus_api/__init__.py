"""The parts of Prometheus' HTTP API that show rules and alerts, below `/prometheus`."""

"""The product's own numbers for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from engine.commands import Request, Response

GAUGES: Final = {
    "pilothouse_chat_backlog": "Messages that wait to be sent.",
    "pilothouse_chat_sent": "Messages sent since start.",
    "pilothouse_chat_refused": "Messages the chat platform refused since start.",
    "pilothouse_deployments_in_flight": "Deployments under way.",
    "pilothouse_incidents_open": "Incidents that are not resolved.",
    "pilothouse_alerts_firing": "Alerts that fire now.",
    "pilothouse_rules_failing": "Rules whose last evaluation failed.",
    "pilothouse_rules_missed": "Evaluations of rules that were missed since start.",
    "pilothouse_receivers_failing": "Receivers that cannot be told at present.",
    "pilothouse_silences_active": "Silences that mute alerts now.",
    "pilothouse_config_reload_successful": "Whether every rule file and the routing file could be used when read last.",
    "pilothouse_config_last_reload_seconds": "When they were last read well, in Unix time.",
}


class Meters:
    """Counts requests as they pass; gauges are set when somebody scrapes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pilothouse_requests",
            "Requests through the single door, by command, source and verdict.",
            ["command", "source", "verdict"],
            registry=self._registry,
        )
        self._gauges = {name: Gauge(name, text, registry=self._registry) for name, text in GAUGES.items()}

    def passed(self, request: Request, response: Response) -> None:
        """A request was answered."""
        verdict = "ok" if response.ok else response.kind
        self._requests.labels(type(request.command).__name__, request.source, verdict).inc()

    def page(self, values: dict[str, float]) -> bytes:
        """Prometheus' text with these values for the gauges, by name."""
        for name, value in values.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)

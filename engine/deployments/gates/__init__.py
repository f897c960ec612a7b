"""The gates of a deployment: what is asked of the metrics server, the alerts, the instances and the team's own checks.

What could not be asked is an error, what has no data is inconclusive; neither opens a gate.
"""

from engine.deployments.gates.agent import Gates
from engine.deployments.gates.templates import fill

__all__ = ["Gates", "fill"]

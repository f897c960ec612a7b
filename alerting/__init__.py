"""Monitoring: rules over metrics, what fires, who is told, who is on call."""

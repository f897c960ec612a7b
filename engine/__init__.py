"""Deploys services: decides what to do next, does it, and writes it down. Knows neither chat nor alerting."""

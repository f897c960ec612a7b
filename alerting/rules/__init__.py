"""Prometheus alert rules: read, checked, evaluated in batches, their state kept."""

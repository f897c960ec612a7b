"""Notifications of others, posted to us."""

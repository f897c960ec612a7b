"""Slack as a door: commands, clicks, forms and the Home tab."""

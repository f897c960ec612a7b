"""Where an alert goes: channel, escalation policy and group."""

"""From an alert to a notification: groups, the stages they pass, and what was told to whom."""

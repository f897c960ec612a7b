"""Who is told, and when: rotations, escalation policies and the agent that pages."""

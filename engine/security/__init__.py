"""Who asks, what they may do, what they did, and what must not be written down."""

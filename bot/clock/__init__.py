"""What happens by the clock, and which replica does it."""

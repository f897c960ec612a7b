"""Who may change a place now: locks, freezes, known-bad versions and how much may run at once."""

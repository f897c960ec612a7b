"""State in, Block Kit out. Pure: no I/O and no clock of their own."""

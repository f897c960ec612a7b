"""Where instances run and how requests reach them. One manager a file; none of them knows another."""

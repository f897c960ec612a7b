"""What stands between callers and instances: the built-in reverse proxy, a process of its own."""

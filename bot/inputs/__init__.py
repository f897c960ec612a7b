"""The doors: each turns a foreign form into a Request for the orchestrator. They do not know one another."""

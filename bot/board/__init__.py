"""The web page of the running system."""

"""From what rules say, and from what fails here, to alerts and incidents."""

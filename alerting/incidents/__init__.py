"""What is wrong now: incidents, the alerts they gather, the changes that may have caused them."""

"""Copies of a service's data, taken before it is deployed and when somebody asks, and brought back."""

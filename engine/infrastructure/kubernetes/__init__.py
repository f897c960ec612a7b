"""Deployments on Kubernetes and what splits their traffic."""

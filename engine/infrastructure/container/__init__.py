"""Instances as containers of a Docker Engine API: Docker's own, or Podman's service."""

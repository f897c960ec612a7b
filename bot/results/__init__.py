"""Writes back to CI systems how the deployments went that they asked for."""

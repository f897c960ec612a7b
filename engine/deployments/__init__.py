"""Deployments: persisted state machines whose loop is observe, decide (pure), act (idempotent), record."""

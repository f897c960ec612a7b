"""Every alert that is or was just true, from wherever it was told: our rules, another Prometheus, a webhook."""

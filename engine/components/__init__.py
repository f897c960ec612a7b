"""Each service in each environment: its lifecycle, its instances' health, and repair while no deployment is at it."""

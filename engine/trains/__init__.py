"""Release trains: several services deployed as one request, all of them or none."""

"""Everything on one machine, to try it: workspace, Prometheus, traffic, and the product itself."""

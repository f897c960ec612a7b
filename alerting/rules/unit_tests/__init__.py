"""Unit tests of rules in promtool's format, run with our own evaluation over a real Prometheus.

There is no PromQL engine here: a Prometheus of its own for each test holds the series and answers the queries, while
states, texts and recorded results are made by the same code that makes them in production.
"""

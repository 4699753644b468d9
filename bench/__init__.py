"""Benchmarks: designs compared side by side on one machine. `make bench` runs them."""

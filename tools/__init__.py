"""Shared by benchmarks, drills and tests: throwaway databases and settings, sample data, servers.

It imports the service, and never `bench`, `drills` or `tests`.
"""

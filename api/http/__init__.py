"""Plumbing of all calls."""

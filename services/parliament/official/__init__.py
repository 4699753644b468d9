"""Clients of Parliament's official APIs."""

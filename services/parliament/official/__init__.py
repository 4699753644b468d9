"""Clients for Parliament's official APIs."""

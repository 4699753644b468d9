"""Endpoints, what they are told, and delivering it."""

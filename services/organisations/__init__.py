"""Organisations, their organisers, and their partners."""

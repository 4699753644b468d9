"""Supporters: their details, consents, preferences, tags, and watches of vacant seats."""

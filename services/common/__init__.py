"""Helpers that know nothing of the domain: checked texts, URLs, times and signed tokens."""

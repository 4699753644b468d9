"""Answers that are made ahead, and taking signatures in."""

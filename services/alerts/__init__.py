"""Tells organisers by email what happened to their campaigns: what they chose, and how often."""

"""Tests on Parliament's real data."""

"""Whom to ask next: pure arithmetic, with its reasons."""

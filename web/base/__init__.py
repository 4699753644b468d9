"""Shared by all pages: forms, rendering, errors, and who is signed in."""

"""Cached responses, the state of the application, and the intake of signatures."""

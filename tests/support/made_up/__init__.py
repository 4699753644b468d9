"""Content for tests that need no database."""

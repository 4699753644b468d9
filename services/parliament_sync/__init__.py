"""Bringing what we hold in line with Parliament, and telling of what follows."""

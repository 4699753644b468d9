"""Drills kill processes of a real service under load, and check that nothing is lost or doubled."""

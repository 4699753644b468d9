"""Reads and writes CSV and JSON lines of any length."""

"""Tests of rules for all modules, routes, settings, migrations and files."""

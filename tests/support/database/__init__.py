"""Databases of the tests: reused engines, query plans, turns of writers, earlier rows."""

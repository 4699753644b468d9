"""Tests of parliament sync."""

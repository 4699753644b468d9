"""Tests of tools for drills and benches."""

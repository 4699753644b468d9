"""Tests of api: action network."""

"""Tests of the interface that speaks the Action Network API."""

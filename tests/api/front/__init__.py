"""Tests of what stands in front of the routes: hosts and headers."""

"""Tests of building campaigns in the browser."""

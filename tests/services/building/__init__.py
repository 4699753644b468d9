"""Tests of building campaigns at the desk."""

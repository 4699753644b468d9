"""Tests of signing in, and of what organisers do with their own accounts."""

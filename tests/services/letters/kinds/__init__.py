"""Tests of services.letters.kinds."""

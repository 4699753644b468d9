"""Tests of services.letters.drafting."""

"""Tests of the pages of MPs that everybody sees."""

"""Tests calls that read lists and single things."""

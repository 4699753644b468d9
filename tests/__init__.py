"""Tests, in the packages of what they test."""

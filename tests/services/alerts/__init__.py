"""Tests what organisers are told by email."""

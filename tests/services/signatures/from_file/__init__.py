"""Tests of services.signatures.from_file."""

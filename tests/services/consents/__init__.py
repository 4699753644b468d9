"""Tests for services/consents."""

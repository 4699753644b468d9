"""Tests of services.parliament.official."""

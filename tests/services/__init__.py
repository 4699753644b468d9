"""Tests of the services, in their packages."""

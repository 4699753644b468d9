"""Tests of long journeys through the whole service."""

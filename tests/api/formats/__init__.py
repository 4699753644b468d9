"""Tests of the API's other formats."""

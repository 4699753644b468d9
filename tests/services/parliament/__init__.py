"""Tests of parliament."""

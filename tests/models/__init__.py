"""Tests of database models."""

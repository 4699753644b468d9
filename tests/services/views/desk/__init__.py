"""Tests of what pages of the desk show."""

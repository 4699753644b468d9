"""Tests of the JSON API and of the other HTTP interfaces."""

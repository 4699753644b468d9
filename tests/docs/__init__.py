"""Tests that run the blocks of code in the documents."""

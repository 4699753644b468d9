"""Tests of postcodes."""

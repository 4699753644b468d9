"""Tests of the desk's home, and of the news and dates that organisers write there."""

"""Tests of uploads: what is refused, how pictures are cut, and how they are kept."""

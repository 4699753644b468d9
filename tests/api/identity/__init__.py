"""Tests of the calls for the key's organisation, its privacy notice, logo and pictures."""

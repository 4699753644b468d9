"""Helpers that several tests share. They import no test."""

"""Signatures from files: columns, fields, and the rows that are refused."""

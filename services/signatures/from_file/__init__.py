"""Importing signatures from CSV files: columns, fields, recording, and rejected rows."""

"""Engines, transactions, bulk SQL, migrations and backups.

Differences between SQLite and PostgreSQL are handled here, and in `services.files.export_lines`.
"""

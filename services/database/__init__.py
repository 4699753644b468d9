"""Engines, transactions, bulk SQL, migrations, backups, and the locks of server and worker.

Differences between SQLite and PostgreSQL are handled here, and in `services.files.export_lines`.
"""

"""Engines, transactions, bulk SQL, migrations and backups. How SQLite and PostgreSQL differ is
known here."""

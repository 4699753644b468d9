"""Accounts of organisers: sessions, second steps, invitations, roles and the record of changes."""

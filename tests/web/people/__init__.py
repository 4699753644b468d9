"""Tests of an organisation's people: roles, invitations, removal, and what each may do."""

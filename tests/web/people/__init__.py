"""Tests of who works at the desk: roles, invitations, removal, the record and what each may do."""

"""Pages about accounts: signing in, the second step, invitations, people and one's own account."""

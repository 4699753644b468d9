"""Ranks the members that a campaign should ask next, with the reasons."""

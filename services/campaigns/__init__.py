"""Campaigns, petitions, linked motions, and members' replies to a campaign."""

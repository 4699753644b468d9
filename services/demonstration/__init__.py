"""The invented campaign, with its data."""

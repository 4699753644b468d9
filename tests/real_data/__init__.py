"""What is true of Parliament's real data."""

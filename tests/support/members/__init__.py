"""What a campaign's team records about MPs."""

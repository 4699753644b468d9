"""What a queued message says when it goes, and what a bounce does."""

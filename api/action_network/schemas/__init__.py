"""What the dialect reads and tells."""

"""Letters to members: accepted, queued, sent, paused, settled and answered."""

"""Letters to members: taken in, queued, sent, paused, settled, answered."""

"""Pages for organisers who are signed in."""

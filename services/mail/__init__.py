"""The outbox, and what sends email: building and signing, SMTP, bounces, relays and pacing."""

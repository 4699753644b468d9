"""The outbox and everything on the wire: building, DKIM, SMTP, reports of bounces, relays,
pacing."""

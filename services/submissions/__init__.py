"""Submissions: what people have typed and not yet confirmed, and how it shares a mailbox."""

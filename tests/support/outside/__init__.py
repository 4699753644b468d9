"""Stand-ins for outside systems: DNS, Parliament, mail servers and webhook receivers."""

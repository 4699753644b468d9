"""API keys: made, found, used, shown."""

"""API keys: how they are made, looked up, listed, and when they were last used."""

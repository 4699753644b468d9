"""Every rule of the lobby, and all its SQL. Services take a session and never commit."""

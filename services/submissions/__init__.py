"""What people sent, from the moment it arrives until they confirm it by mail."""

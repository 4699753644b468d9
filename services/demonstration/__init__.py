"""The demonstration: an invented campaign with its data."""

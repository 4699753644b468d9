"""People, what they agreed to, their tags, and their watches of vacant seats."""

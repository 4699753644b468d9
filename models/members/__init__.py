"""Members of Parliament, what they said, and what organisers note about them."""

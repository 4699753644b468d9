"""Long ways through the whole service."""

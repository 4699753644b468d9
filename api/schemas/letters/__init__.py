"""Bodies and answers of the routes of letters."""

"""Request and response bodies of the JSON API, a file for each noun."""

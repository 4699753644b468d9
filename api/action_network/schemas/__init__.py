"""Request and response bodies of the dialect."""

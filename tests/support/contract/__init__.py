"""What the service offers: every route, the calls of the API, and its worked examples."""

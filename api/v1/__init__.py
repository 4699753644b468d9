"""The routes under /v1, a noun a file; and how the service is."""

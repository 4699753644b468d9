"""The routes under `/v1`, a file for each noun, and the health checks."""

"""Settings, logs and the garbage collector: what imports nothing of ours."""

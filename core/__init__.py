"""Settings, logs and the garbage collector. Imports nothing else of ours."""

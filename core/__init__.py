"""Settings, logs, private files and the garbage collector. Imports nothing else of ours."""

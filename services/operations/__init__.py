"""What `lobby check` looks at."""

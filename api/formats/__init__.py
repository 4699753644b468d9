"""The same data as others write it."""

"""Many requests at once: shared commits, keys that work once, limits, proof of work, cached
answers. It knows no noun."""

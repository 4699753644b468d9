"""The checks of `lobby check`, and recounts of tallies."""

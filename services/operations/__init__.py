"""The checks of `lobby check`, recounts of tallies, and the restore of a backup."""

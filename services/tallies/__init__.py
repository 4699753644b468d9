"""Counts per seat, the table of seats, its sums, exports and history."""

"""Counts per constituency, the table of seats, its sums, exports and history."""

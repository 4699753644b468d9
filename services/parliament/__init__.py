"""What we hold of Parliament: seats, members, motions, and how they stand."""

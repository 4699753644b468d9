"""The matrix of the desk: every route by role and by organisation. `table` says who may."""

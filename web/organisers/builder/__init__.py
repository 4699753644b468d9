"""The campaign builder: one page for each step, from a draft to an open campaign."""

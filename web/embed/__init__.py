"""Pages that stand in other sites, and how to make them."""

"""Pages of the desk about one campaign."""

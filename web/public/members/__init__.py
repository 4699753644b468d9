"""The pages of MPs: all of them, one of them, and the MP of a postcode."""

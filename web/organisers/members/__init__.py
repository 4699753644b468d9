"""Pages of the desk about a campaign's MPs: whom to ask, and what the team recorded."""

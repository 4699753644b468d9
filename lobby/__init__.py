"""Central Lobby: petitions, letters to MPs, and who has signed the motion."""

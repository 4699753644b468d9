"""The petition form that other sites show in a frame, and the page that builds its HTML."""

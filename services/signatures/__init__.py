"""The one way in for signatures, their states, and what a partner sees of them."""

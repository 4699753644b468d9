"""What the desk shows about MPs: all of them, one of them, and whom to ask next."""

"""Stores Parliament's seats, members and motions, and says which member has signed which motion."""

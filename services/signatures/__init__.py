"""Signatures: recording them, their states, their exports, and what partners see of them."""

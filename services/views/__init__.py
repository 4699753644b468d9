"""Reads what one page or answer needs from several domains. Nothing in services imports a view."""

"""What one page or answer needs from several domains, read only. Nothing in services imports it."""

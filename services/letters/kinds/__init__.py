"""Which letter suits whom: variants, their conditions, and the language of their words."""

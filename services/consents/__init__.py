"""Changes of what people agreed to: their own, and their organisation's. Copies learn of each."""

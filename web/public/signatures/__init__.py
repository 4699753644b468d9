"""The pages of somebody who signs: after sending, to confirm, thank you, and to end it."""

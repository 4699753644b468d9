"""Makes the email of a queued message when it is sent, and applies bounces."""

"""Updates members and motions from Parliament, and queues the webhook events that follow."""

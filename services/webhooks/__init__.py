"""Webhooks: endpoints, the events that they subscribe to, and delivering those events."""

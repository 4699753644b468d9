"""Routes of webhooks: endpoints, deliveries, and REST hooks for other services."""

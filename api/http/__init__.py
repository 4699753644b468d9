"""What all calls share: dependencies, errors, paging, idempotency, downloads, middleware."""

"""Plain ASGI before the router: limits, cross-origin headers, a fast path."""

"""Plain ASGI before the router."""

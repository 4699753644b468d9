"""The JSON API over HTTP: routes, bodies and errors."""

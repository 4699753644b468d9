"""JSON over HTTP: routes, schemas, and how errors are answered."""

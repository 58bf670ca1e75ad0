"""The HTTP face: application, middleware, problem details."""

"""The bodies that travel over HTTP: camelCase, with examples; they make the OpenAPI document."""

"""REST: a file per resource, each with its routes and the shapes of its answers."""

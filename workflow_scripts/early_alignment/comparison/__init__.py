"""How alike two geometries are."""

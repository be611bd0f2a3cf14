"""Running services."""

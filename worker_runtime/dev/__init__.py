"""Local development: services that are started anew when their files change, and a log of their calls."""

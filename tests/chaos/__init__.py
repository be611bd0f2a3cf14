"""Many faults in a seeded order while calls go on without end; `make chaos` runs it and writes down what came out."""

"""How a class offers its methods: which names callers may reach, which arguments they take, what they ask of a runtime.

Services and the objects that travel by reference follow the same rules, so they stand here and not with either.
"""

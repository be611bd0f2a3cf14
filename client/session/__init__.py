"""Live references: the sessions of this process with others, and what travels by reference in them.

Imported when the first reference travels; calls that pass plain values never need it.
"""

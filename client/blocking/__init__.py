"""The same stubs without await, for scripts, Django and Flask.

A thin face over `services` and `stubs`: whatever decides something belongs there, so that both faces behave alike.
"""

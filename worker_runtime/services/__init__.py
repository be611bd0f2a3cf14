"""Services: from a configuration or a class to entrypoints with prepared methods, before the first call.

Nothing here reads a stream or runs a method.
"""

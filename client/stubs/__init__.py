"""Stubs: what a program holds of a service or an object, and what it does with it: name, call, pass on, dispose.

The first package that a call goes through: a stub decides what is called and how, and leaves the call to `calling`.
Nothing here knows a connection, a batch, or where a reply comes from.
"""

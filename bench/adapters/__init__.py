"""Each system as its documentation recommends it: a server process and a client for the load generator.

What stands here runs in the environment of its system, so it imports nothing but that system,
the standard library, `bench.tally` and what says so.
"""

"""What the code of a service imports beside its entrypoint: `env`, `exports` and `waitUntil` of the call that runs.

Here is how `env` looks from inside: its types, its options, other values for a while. How a binding is made, where
values come from, and Redis are not known here: `import workers` stays cheap.
"""

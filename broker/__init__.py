"""What callers and workers hold in common: values on the wire, errors, keys, the link to Redis and the rules of delivery.

Nothing here knows about stubs or about services; `client` builds on this package and `worker_runtime` on both.
"""

"""What callers and workers hold in common: values, errors, keys, the link to Redis, rules of delivery.

Nothing here knows about stubs or about services; `client` builds on this package and `worker_runtime` on both.
"""

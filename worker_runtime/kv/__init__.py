"""KV: `env.BINDING` of a `kv_namespaces` entry, names and values in the same Redis."""

from worker_runtime.kv.namespace import KVNamespace

__all__ = ["KVNamespace"]

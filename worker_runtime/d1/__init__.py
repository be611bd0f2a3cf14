"""D1: databases of SQLite as bindings, by the API of Cloudflare's D1.

A database is a file beside the configuration that declares it, shared by all worker processes of its
machine. Workers elsewhere reach it through a service that holds it and offers `D1Service`.
"""

from worker_runtime.d1.database import D1Database, D1DatabaseSession, D1PreparedStatement
from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.result import D1ExecResult, D1Meta, D1Result
from worker_runtime.d1.service import D1Service

__all__ = [
    "D1Database", "D1DatabaseSession", "D1Error", "D1ExecResult", "D1Meta", "D1PreparedStatement", "D1Result",
    "D1Service",
]  # fmt: skip

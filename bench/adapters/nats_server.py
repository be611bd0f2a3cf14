"""The service on core NATS: request/reply in a queue group."""

import asyncio
import json
import sys

import nats
from nats.aio.msg import Msg

from bench.tally import ran


async def add(message: Msg) -> None:
    """The echo call."""
    ran()
    a, b = json.loads(message.data)
    await message.respond(json.dumps(a + b).encode())


async def payload(message: Msg) -> None:
    """Give back what came."""
    ran()
    await message.respond(message.data)


async def main() -> None:
    """Serve on the server of the first argument."""
    connection = await nats.connect(sys.argv[1])
    await connection.subscribe("bench.add", queue="workers", cb=add)
    await connection.subscribe("bench.payload", queue="workers", cb=payload)
    await connection.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


try:
    import uvloop
except ImportError:
    asyncio.run(main())
else:
    uvloop.run(main())

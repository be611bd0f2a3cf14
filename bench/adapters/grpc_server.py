"""The service on grpc.aio."""

import asyncio
import sys
from typing import Any

import echo_pb2
import echo_pb2_grpc
import grpc

from bench.tally import ran


class Echo(echo_pb2_grpc.EchoServicer):
    """The two methods."""

    async def Add(self, request: Any, context: Any) -> Any:  # noqa: N802 -- gRPC's spelling
        """The echo call."""
        ran()
        return echo_pb2.AddReply(sum=request.a + request.b)

    async def Payload(self, request: Any, context: Any) -> Any:  # noqa: N802 -- likewise
        """Give back what came."""
        ran()
        return echo_pb2.Text(text=request.text)


async def main() -> None:
    """Serve on the port of the first argument."""
    server = grpc.aio.server()
    echo_pb2_grpc.add_EchoServicer_to_server(Echo(), server)
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


asyncio.run(main())

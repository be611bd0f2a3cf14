"""`--http`: the first service of a pool over HTTP, in the same process. For development."""

from __future__ import annotations

from client.gateway import Gateway, Route
from client.gateway.server import GatewayServer, Listen
from client.services import connect
from worker_runtime.process.worker import Plan


class PoolGateway:
    """Serves HTTP beside a worker; what comes in takes the way through Redis like every other call."""

    def __init__(self, plan: Plan, url: str, listen: Listen, *, shared: bool) -> None:
        """Prepare to answer at *listen* with the first service of *plan*; *shared* lets sibling processes do so too.

        Raises:
            ConfigurationError: the extra `callyard[http]` is not installed.
        """
        settings = plan.settings
        self._services = connect(url, prefix=settings.prefix, max_message_bytes=settings.max_message_bytes)
        route = Route(None, "/", plan.services[0][0].name)
        self._server = GatewayServer(Gateway(self._services, routes=[route]), listen, shared=shared)

    async def start(self) -> str:
        """Take requests, and return the URL.

        Raises:
            ConfigurationError: the address cannot be had.
            BrokerUnavailable: no Redis answers.
        """
        await self._services.__aenter__()
        return (await self._server.start()).url

    async def stop(self, grace: float) -> None:
        """Take no more requests, let those that run end within *grace* seconds, and disconnect."""
        await self._server.stop(grace)
        await self._services.__aexit__(None, None, None)

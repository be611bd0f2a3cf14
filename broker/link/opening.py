"""Opening a connection: reaching Redis, saying who we are, and saying clearly what is wrong where that fails."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from broker.errors import AuthenticationFailed, BrokerUnavailable, RpcError
from broker.link.address import Address
from broker.link.replies import AUTHENTICATION, ReplyError
from broker.link.wire import Argument, Waiting, Wire, pack_command


async def establish(address: Address, lost: Callable[[Wire, Exception | None], None]) -> Wire:
    """A connection to *address*; *lost* is told when it is gone, and why.

    Raises:
        BrokerUnavailable: nothing answers there.
    """
    loop = asyncio.get_running_loop()
    wires: list[Wire] = []

    def factory() -> Wire:
        wire = Wire(lambda error: lost(wire, error))
        wires.append(wire)
        return wire

    try:
        if address.path is not None:
            await loop.create_unix_connection(factory, address.path)
        else:
            transport, _ = await loop.create_connection(factory, address.host, address.port, ssl=address.tls)
            _tune(transport.get_extra_info("socket"))
    except TimeoutError as error:
        raise unreachable(address, "it does not answer") from error
    except OSError as error:
        no_tls = address.tls is not None and (isinstance(error, ConnectionResetError) or "WRONG_VERSION" in str(error))
        raise unreachable(address, silence_of(address, None) if no_tls else _reason(error)) from error
    return wires[-1]


async def greet(wire: Wire, address: Address, name: str) -> None:
    """Say on *wire* who we are, what the connection is called and which database it is for.

    Raises:
        AuthenticationFailed: Redis does not take the user or the password.
        BrokerUnavailable: it refuses something else.
        LinkLost: the connection broke.
    """
    greetings: list[tuple[Argument, ...]] = []
    if address.password is not None:
        greetings.append(("AUTH", *([address.username] if address.username else []), address.password))
    greetings.append(("CLIENT", "SETNAME", name))
    if address.database:
        greetings.append(("SELECT", address.database))
    loop = asyncio.get_running_loop()
    commands = [Waiting(pack_command(greeting), loop.create_future()) for greeting in greetings]
    wire.write(commands)
    replies = await asyncio.gather(*[command.future for command in commands], return_exceptions=True)
    for greeting, reply in zip(greetings, replies, strict=True):
        if isinstance(reply, ReplyError):
            if greeting[0] == "CLIENT" and reply.code == "NOPERM":
                # The name is for people; a user who may not set it can do everything else.
                continue
            raise _refused(address, reply) from reply
        if isinstance(reply, BaseException):
            raise reply


def silence_of(address: Address, wire: Wire | None) -> str:
    """What it probably means that nothing came from *address*, through *wire* if there was one."""
    if wire is not None and wire.why is not None:
        return wire.why
    if address.tls is not None:
        return "it does not answer (if it does not speak TLS, write redis://)"
    if wire is not None and not wire.alive and wire.heard == wire.made:
        return "it closes the connection (if it speaks TLS, write rediss://)"
    return "it does not answer"


def unreachable(address: Address, why: str) -> BrokerUnavailable:
    """What is raised where there is no Redis at *address*."""
    return BrokerUnavailable(
        f"No Redis at {address.shown}: {why}. Start one there, or say where it is "
        "(--broker URL, connect(URL) or $BROKER_URL).",
        executed="no",
    )


def _refused(address: Address, error: ReplyError) -> RpcError:
    if error.code in AUTHENTICATION or "AUTH" in error.message or "password" in error.message:
        return AuthenticationFailed(
            f"Redis at {address.shown} refuses the user or the password: {error.message} "
            "Put them into the URL: redis://USER:PASSWORD@HOST:PORT.",
            executed="no",
        )
    return unreachable(address, error.message)


def _tune(connection: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if isinstance(error, ConnectionRefusedError) or "refused" in str(error).lower() or "Connect call failed" in text:
        return "connection refused"
    return text.lower() if text else type(error).__name__

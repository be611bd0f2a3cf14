"""`env` and `ctx.exports`: what the code of a service finds there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from broker.keys import NamespaceKeys, QueueKeys
from broker.names import DEFAULT_ENTRYPOINT
from client.calling.caller import Caller
from client.stubs.stub import Stub, bind, live_target
from client.stubs.typed import typed
from worker_runtime.assets.binding import Assets
from worker_runtime.config import ServiceConfig
from worker_runtime.d1.holdings import Holdings
from worker_runtime.kv import KVNamespace
from worker_runtime.queues import Queue
from worker_runtime.services.sites import site_of


class Env:
    """The variables, secrets and bindings of a service, as attributes. Its `repr` shows names only."""

    def __init__(self, service: str, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
        self.__dict__["__service__"] = service

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        service = self.__dict__.get("__service__", "?")
        offered = ", ".join(sorted(self)) or "nothing"
        raise AttributeError(
            f"env of {service!r} has no {name!r}; its configuration gives it {offered}. "
            f"Declare it in [vars], or as a binding such as [[services]], or put it into .dev.vars."
        )

    def __iter__(self) -> Any:
        return (name for name in self.__dict__ if not name.startswith("__"))

    def __repr__(self) -> str:
        return f"<env: {', '.join(sorted(self))}>"


class Export(Stub):
    """A stub of an entrypoint of the own service; called with `props=` it gives one that has them."""

    __slots__ = ()

    def __call__(self, *, props: Mapping[str, Any]) -> Stub:
        """A stub whose calls see *props* as their `ctx.props`."""
        target = live_target(self)
        return bind(target.caller, target.service, target.entrypoint, props)


class Exports:
    """`ctx.exports`: the entrypoints of the own service, as attributes."""

    def __init__(self, caller: Caller, service: str, entrypoints: Iterable[str]) -> None:
        for name in entrypoints:
            setattr(self, name, Export(live_target(bind(caller, service, name))))

    def __getattr__(self, name: str) -> Any:
        if name == "default" and DEFAULT_ENTRYPOINT in self.__dict__:
            return self.__dict__[DEFAULT_ENTRYPOINT]
        if name.startswith("__"):
            raise AttributeError(name)
        offered = ", ".join(sorted(self))
        raise AttributeError(f"ctx.exports has no {name!r}; the entrypoints of this service are {offered}.")

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        return f"<exports: {', '.join(sorted(self))}>"


def build_env(
    config: ServiceConfig, caller: Caller, holdings: Holdings, likes: Mapping[str, type] = MappingProxyType({})
) -> Env:
    """`env` for the service that *config* describes.

    Its databases are taken into *holdings*; results of a binding are rebuilt into the types in *likes*.
    """
    values: dict[str, Any] = {**config.variables, **config.secrets}
    for binding in config.bindings:
        stub = bind(caller, binding.service, binding.entrypoint, binding.props)
        like = likes.get(binding.binding)
        values[binding.binding] = stub if like is None else typed(stub, like)
    if config.assets is not None and config.assets.binding is not None:
        values[config.assets.binding] = Assets(site_of(config.assets))
    values.update(holdings.bind(config, caller))
    values.update(_stores(config, caller))
    return Env(config.name, values)


def _stores(config: ServiceConfig, caller: Caller) -> Iterator[tuple[str, Any]]:
    """The KV namespaces and the queues that `env` gives access to."""

    def now_ms() -> int:
        return caller.clock.at(asyncio.get_running_loop().time())

    for kv in config.kv_namespaces:
        yield kv.binding, KVNamespace(caller.commands, NamespaceKeys(caller.prefix, kv.id), now_ms)
    for producer in config.queue_producers:
        keys, backlog = QueueKeys(caller.prefix, producer.queue), config.settings.backlog
        yield producer.binding, Queue(caller.commands, keys, now_ms, producer.delivery_delay, backlog)

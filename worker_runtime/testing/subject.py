"""What is tested: a service, given as a class, a module, a folder or a configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from broker.errors import ConfigurationError
from worker_runtime.config import ServiceBinding, ServiceConfig, Settings, load
from worker_runtime.config.model import file_stem
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.configured import load_configured
from worker_runtime.services.service import Service, load_class, load_module
from worker_runtime.testing import stand_ins

CONCURRENCY: Final = 1000

BATCH_SECONDS: Final = 0.05
"""The most that a batch waits for further messages: a test waits for the batch."""

Target = type[WorkerEntrypoint] | ModuleType | str | Path
"""A `WorkerEntrypoint` class, a module with such classes, or a configuration: its file, or the folder of it."""


@dataclass(frozen=True, slots=True)
class ServiceUnderTest:
    """A service with a name, bindings and variables of its own, where `serve` runs several.

    Attributes:
        target: The class, module, folder or configuration file.
        name: The name that callers use; by default that of the configuration, the class or the module.
        bindings: What takes the place of bindings, by their names.
        variables: Variables of its `env`; a variable may be any object.
        environment: The `[env.NAME]` of the configuration to use.
    """

    target: Target
    name: str | None = None
    bindings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: str | None = None


class Loaded(NamedTuple):
    """A service that is ready to be served.

    Attributes:
        service: The service.
        config: Its configuration, with a binding to a stand-in for each service binding that is replaced.
        fakes: What is to be served as a stand-in, by the name of its entrypoint.
        placed: What takes the place of something else than a service binding, and so stands in `env` as it is.
    """

    service: Service
    config: ServiceConfig
    fakes: Mapping[str, Any]
    placed: Mapping[str, Any]


def load_subject(subject: ServiceUnderTest, prefix: str, state: Path) -> Loaded:
    """Load *subject*; its keys in Redis begin with *prefix*, and its databases are files in the folder *state*.

    Raises:
        ConfigurationError: It cannot be served.
    """
    service, config = _load(subject, prefix)
    declared = {binding.binding: binding for binding in config.bindings}
    if not isinstance(subject.target, str | Path):
        # A class has no configuration that could say what kind of binding a name stands for.
        declared |= {name: ServiceBinding(binding=name, service=stand_ins.NAME) for name in subject.bindings}
    fakes: dict[str, Any] = {}
    for name in subject.bindings.keys() & declared.keys():
        entrypoint = stand_in_entrypoint(service.name, name)
        fakes[entrypoint] = subject.bindings[name]
        declared[name] = declared[name].model_copy(update={"service": stand_ins.NAME, "entrypoint": entrypoint})
    # A stand-in takes a place in the same process, and the call that waits for it has one too.
    settings = config.settings.model_copy(update={"concurrency": max(CONCURRENCY, config.settings.concurrency)})
    consumers = tuple(
        consumer.model_copy(update={"max_batch_timeout": min(BATCH_SECONDS, consumer.max_batch_timeout)})
        for consumer in config.queue_consumers
    )
    config = config.model_copy(
        update={
            "bindings": tuple(declared.values()),
            "settings": settings,
            "queue_consumers": consumers,
            # Services of one folder share their databases there, as they do in production.
            "state": state / file_stem(str(config.directory)),
        }
    )
    placed = {name: fake for name, fake in subject.bindings.items() if name not in declared}
    return Loaded(service, config, fakes, placed)


def stand_in_entrypoint(service: str, binding: str) -> str:
    """The name of the entrypoint that takes the place of *binding* in the `env` of *service*."""
    return f"In_{service.replace('-', '_')}_{binding}"


def _load(subject: ServiceUnderTest, prefix: str) -> tuple[Service, ServiceConfig]:
    target, variables = subject.target, dict(subject.variables)
    if isinstance(target, str | Path):
        config = load(
            Path(target),
            environment=subject.environment,
            variables=variables,
            process_environment=os.environ,
            flags={"prefix": prefix},
        )
        config = config.model_copy(update={"name": subject.name or config.name})
        return load_configured(config), config
    service = _load_code(target, subject.name)
    here = Path.cwd()
    config = ServiceConfig(
        name=service.name, main=here, directory=here, file=here, variables=variables, settings=Settings(prefix=prefix)
    )
    return service, config


def _load_code(target: object, name: str | None) -> Service:
    if isinstance(target, ModuleType):
        return load_module(target, name)
    if isinstance(target, type) and issubclass(target, WorkerEntrypoint):
        return load_class(target, name)
    raise ConfigurationError(
        f"{target!r:.80} cannot be served: give a WorkerEntrypoint class, a module, or the folder of a configuration."
    )

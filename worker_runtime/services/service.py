"""A service: the entrypoints of a module, loaded and prepared before the first call."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeGuard

from broker.errors import ConfigurationError, MethodNotFound, ServiceUnavailable
from broker.methods.checking import LAX, Checking
from broker.methods.method import Method, prepare, prepare_fetch
from broker.methods.targets import Targets
from broker.methods.visibility import visible_names
from broker.names import DEFAULT_ENTRYPOINT, check_entrypoint, check_service
from worker_runtime.assets.front import Front
from worker_runtime.assets.handler import AssetsOnly, FrontedFetch
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.code import digest_of, version_of
from worker_runtime.services.loading import import_file, mistake_in

_numbers: Final = count()
_EXAMPLE: Final = "Define `class Default(WorkerEntrypoint)` in it, with `from workers import WorkerEntrypoint`."


@dataclass(frozen=True, slots=True)
class Service:
    """A named service and its entrypoints, every method of them prepared.

    Attributes:
        name: The name that callers use.
        entrypoints: The classes by the name that callers use; the default one is `Default`.
        front: What stands in front of the `fetch` of the default one, if the service has assets.
        methods: The prepared methods and properties of each entrypoint.
        names: What callers may reach of each entrypoint, `fetch` included.
        handlers: The prepared `fetch` of each entrypoint that has one.
        checking: How arguments and results are checked.
        version: The version of its distribution, where it has one.
        digest: A digest of its code.
    """

    name: str
    entrypoints: Mapping[str, type[WorkerEntrypoint]]
    front: Front | None = None
    checking: Checking = LAX
    version: str = ""
    digest: str = ""
    methods: Mapping[str, Mapping[str, Method]] = field(init=False)
    handlers: Mapping[str, Method] = field(init=False)
    names: Mapping[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        check_service(self.name)
        for name, cls in self.entrypoints.items():
            check_entrypoint(name)
            _check_constructor(cls)
        methods = {
            name: {n: prepare(cls, n, self._checking(name)) for n in visible_names(cls)}
            for name, cls in self.entrypoints.items()
        }
        object.__setattr__(self, "methods", methods)
        handlers = dict(_handlers(self.entrypoints))
        if self.front is not None:
            handlers[DEFAULT_ENTRYPOINT] = FrontedFetch(self.front, handlers.get(DEFAULT_ENTRYPOINT))
        object.__setattr__(self, "handlers", handlers)
        names = {name: frozenset({*methods[name], *(["fetch"] if name in handlers else [])}) for name in methods}
        object.__setattr__(self, "names", names)

    def entrypoint(self, name: str) -> type[WorkerEntrypoint]:
        """The class of the entrypoint *name*.

        Raises:
            ServiceUnavailable: There is none; the message lists those that exist.
        """
        cls = self.entrypoints.get(name)
        if cls is None:
            offered = ", ".join(sorted(self.entrypoints))
            raise ServiceUnavailable(f'The service "{self.name}" has no entrypoint "{name:.200}"; it has: {offered}.')
        return cls

    def method(self, entrypoint: str, name: str) -> Method:
        """The prepared method or property *name* of *entrypoint*.

        Raises:
            ServiceUnavailable: There is no such entrypoint.
            ReservedMethod: The name is reserved.
            MethodNotFound: Callers may not reach such a name.
        """
        method = self.methods.get(entrypoint, {}).get(name)
        return prepare(self.entrypoint(entrypoint), name, self._checking(entrypoint)) if method is None else method

    def fetch(self, entrypoint: str) -> Method:
        """The prepared `fetch` handler of *entrypoint*.

        Raises:
            ServiceUnavailable: There is no such entrypoint.
            MethodNotFound: The entrypoint has no `fetch`.
        """
        handler = self.handlers.get(entrypoint)
        return prepare_fetch(self.entrypoint(entrypoint)) if handler is None else handler

    def describe(self, version: str = "") -> dict[str, Any]:
        """What callers may know of the service, as plain values; *version* goes before that of its distribution."""
        return {name: self._describe(name, cls, version or self.version) for name, cls in self.entrypoints.items()}

    def _describe(self, name: str, cls: type, version: str) -> dict[str, Any]:
        targets = Targets(self.target_checking, {cls: name for name, cls in self.entrypoints.items()})
        described: dict[str, Any] = {
            "version": version,
            "digest": self.digest,
            "doc": inspect.cleandoc(cls.__doc__ or ""),
            "fetch": name in self.handlers,
            "members": {member: method.describe(targets) for member, method in self.methods[name].items()},
        }
        return described | ({"targets": known} if (known := targets.describe()) else {})

    @property
    def target_checking(self) -> Checking:
        """How arguments and results of the methods of its objects are checked."""
        return replace(self.checking, receiver=self.name)

    def _checking(self, entrypoint: str) -> Checking:
        receiver = self.name if entrypoint == DEFAULT_ENTRYPOINT else f"{self.name}#{entrypoint}"
        return replace(self.checking, receiver=receiver)


def load_service(
    name: str, main: Path | None, directory: Path, front: Front | None = None, checking: Checking = LAX
) -> Service:
    """Import the module *main* (relative to *directory*) and serve its entrypoints as *name*.

    The folder of *main* comes first in `sys.path`, so that the modules beside it can be imported. With a *front* there
    is a default entrypoint in any case; without *main* there is nothing else.

    Raises:
        ConfigurationError: There is no such file, importing it fails, or nothing in it can be served.
    """
    check_service(name)
    if main is None:
        return _serve(name, {DEFAULT_ENTRYPOINT: AssetsOnly}, directory, front=front, checking=checking)
    file = (directory / main).resolve()
    if not file.is_file():
        raise ConfigurationError(
            f"{file}: there is no such file.", file=str(file), key="main", fix="Set `main` to the service's module."
        )
    module = import_file(file, f"_callyard_service_{re.sub(r'[^A-Za-z0-9]', '_', name)}_{next(_numbers)}")
    return _serve(name, _exported(module, file), file, front=front, checking=checking)


def load_object(target: str, name: str | None = None, checking: Checking = LAX) -> Service:
    """Serve the class that *target* (`module:Class`) names as the default entrypoint of a service.

    Without *name* the service is called as the class in snake case, or as the module where the
    class is called `Default`.

    Raises:
        ConfigurationError: There is no such module or class, or it cannot be served.
    """
    module_name, _, class_name = target.partition(":")
    if not module_name or not class_name.isidentifier():
        raise ConfigurationError(f"{target!r} does not name a class.", fix="Write module:Class, as in app.main:Api.")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise mistake_in(module_name, error) from error
    cls = getattr(module, class_name, None)
    if not _is_entrypoint(cls):
        raise ConfigurationError(f"{target}: {class_name} is not a WorkerEntrypoint.", fix=_EXAMPLE)
    return load_class(cls, name, checking)


def load_class(cls: type[WorkerEntrypoint], name: str | None = None, checking: Checking = LAX) -> Service:
    """Serve *cls* as the default entrypoint of a service; see `load_object` for its name.

    Raises:
        ConfigurationError: It cannot be served.
    """
    if name is None:
        plain = cls.__module__.rpartition(".")[2] if cls.__name__ == DEFAULT_ENTRYPOINT else cls.__name__
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    version = version_of(cls.__module__)
    return _serve(name, {DEFAULT_ENTRYPOINT: cls}, Path(file or cls.__module__), checking=checking, version=version)


def load_module(module: ModuleType, name: str | None = None) -> Service:
    """Serve the entrypoints of *module* as *name*, by default its own.

    Raises:
        ConfigurationError: Nothing in it can be served.
    """
    file = Path(module.__file__ or module.__name__)
    return _serve(name or module.__name__.rpartition(".")[2], _exported(module, file), file)


def _serve(
    name: str,
    entrypoints: dict[str, Any],
    file: Path,
    *,
    front: Front | None = None,
    checking: Checking = LAX,
    version: str = "",
) -> Service:
    if front is not None:
        entrypoints.setdefault(DEFAULT_ENTRYPOINT, AssetsOnly)
    folder = file.resolve() if file.is_dir() else file.resolve().parent
    try:
        return Service(name, entrypoints, front, checking, version, digest_of(folder))
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}", file=str(file), key=error.key, fix=error.fix) from error


def _exported(module: ModuleType, file: Path) -> dict[str, type[WorkerEntrypoint]]:
    listed: list[str] | None = getattr(module, "__all__", None)
    found: dict[str, type[WorkerEntrypoint]] = {}
    for attribute in [n for n in vars(module) if not n.startswith("_")] if listed is None else listed:
        if not hasattr(module, attribute):
            raise ConfigurationError(f"{file}: __all__ names {attribute!r}, which is not there.", file=str(file))
        value = getattr(module, attribute)
        if not _is_entrypoint(value) or inspect.isabstract(value):
            continue
        if found.setdefault(value.__name__, value) is not value:
            raise ConfigurationError(
                f"{file}: two entrypoints are called {value.__name__}.", file=str(file), fix="Rename one of them."
            )
    if not found:
        raise ConfigurationError(f"{file}: there is no entrypoint in it. {_EXAMPLE}", file=str(file), fix=_EXAMPLE)
    return found


def _is_entrypoint(value: object) -> TypeGuard[type[WorkerEntrypoint]]:
    return isinstance(value, type) and issubclass(value, WorkerEntrypoint) and value is not WorkerEntrypoint


def _handlers(entrypoints: Mapping[str, type[WorkerEntrypoint]]) -> list[tuple[str, Method]]:
    found: list[tuple[str, Method]] = []
    for name, cls in entrypoints.items():
        try:
            found.append((name, prepare_fetch(cls)))
        except MethodNotFound:
            continue
    return found


def _check_constructor(cls: type) -> None:
    try:
        inspect.signature(cls.__init__).bind(None, None, None)
    except TypeError as error:
        raise ConfigurationError(
            f"{cls.__qualname__} cannot be built with (ctx, env): {error}.", fix="Write `def __init__(self, ctx, env)`."
        ) from error

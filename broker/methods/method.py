"""Prepared methods: everything about a method that is the same for every call, worked out once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from broker.errors import ConfigurationError, InvalidArguments
from broker.methods.arguments import Arguments, Validate, compile_validation
from broker.methods.checking import LAX, Checking
from broker.methods.description import describe_parameters, describe_result
from broker.methods.policy import Policy, policy_of
from broker.methods.reference_types import with_markers
from broker.methods.results import CheckResult, compile_result
from broker.methods.signature import signature_of, spelled, written
from broker.methods.targets import Targets
from broker.methods.visibility import (
    RESERVED_OF_TARGETS,
    Kind,
    Member,
    not_found,
    reserved_names,
    resolve,
    resolve_fetch,
)

_PREPARED: Final = "__callyard_methods__"


class Method:
    """One method, property or `fetch` handler of an entrypoint, ready to be run.

    Attributes:
        name: Its name.
        kind: "method", "property" or "fetch".
        is_async: Whether calling it gives a coroutine; everything else belongs in a thread.
        is_async_generator: Whether calling it gives an async generator.
        policy: What it and its class ask of the runtime.
        validate: Checks and converts `(args, kwargs)`; raises `InvalidArguments`.
        check_result: Checks and converts what it returned; raises `TypeError`. None where there is nothing to check.
    """

    __slots__ = (
        "_doc", "_is_generator", "_member", "_signature", "_types", "check_result", "is_async", "is_async_generator",
        "kind", "name", "policy", "validate",
    )  # fmt: skip

    def __init__(self, cls: type, member: Member, checking: Checking = LAX) -> None:
        """Prepare *member* of *cls*.

        Raises:
            ConfigurationError: Its signature cannot be called.
        """
        called: Any = _getter(member.value) if member.kind == "property" else member.value
        self.name: str = member.name
        self.kind: Kind = member.kind
        self._member: Any = member.value
        self._signature = self._types = signature_of(called, member.owner, member.name)
        self._doc = inspect.getdoc(written(called)) or ""
        bound = called.__get__(object(), cls)
        self.is_async: bool = inspect.iscoroutinefunction(bound)
        self.is_async_generator: bool = inspect.isasyncgenfunction(bound)
        self._is_generator = self.is_async_generator or inspect.isgeneratorfunction(bound)
        self.policy: Policy = policy_of(cls, member.value)
        # Of an object its class is said too: callers know it as no more than a stub.
        owned = reserved_names(cls) is RESERVED_OF_TARGETS
        label = checking.label(f"{cls.__name__}.{self.name}" if owned else self.name)
        self.validate: Validate = self._compile(label, checking, cls)
        returned = self._marked_result(cls)
        self.check_result: CheckResult | None = (
            None if self.kind == "fetch" else compile_result(label, returned, checking)
        )

    def bind(self, instance: object) -> Callable[..., Any]:
        """What to call for *instance*; of a property, its getter.

        Raises:
            MethodNotFound: The instance hides the method behind an attribute of its own.
        """
        if self.kind == "property":
            # A cached property may have been overwritten on the instance; its getter cannot.
            return partial(_getter(self._member), instance)
        if self.name in instance.__dict__:
            raise not_found(self.name)
        return self._member.__get__(instance, type(instance))

    def describe(self, targets: Targets | None = None) -> dict[str, Any]:
        """What callers may know of it: kind, signature, documentation and JSON schemas, as plain values.

        The schemas name classes of objects that travel by reference as *targets* does.
        """
        targets = targets or Targets(LAX)
        described: dict[str, Any] = {
            "kind": self.kind,
            "signature": f"{self.name}{spelled(self._signature)}",
            "doc": self._doc,
            **describe_result(self._types.return_annotation, targets, stream=self._is_generator),
        }
        if self.kind == "method":
            described |= describe_parameters(self._types, targets)
        return described

    def _compile(self, label: str, checking: Checking, cls: type) -> Validate:
        if self.kind == "fetch":
            return _fetch_arguments(self._signature)
        if self.kind == "property":
            return _no_arguments(self.name)
        validate, self._types = compile_validation(label, self._signature, strict=checking.strict, own=cls)
        return validate

    def _marked_result(self, cls: type) -> Any:
        """The annotation of the result, with markers for what travels by reference."""
        returned = self._types.return_annotation
        try:
            returned = with_markers(returned, "the result", own=cls)
        except Exception:
            # A type that only type checkers understand.
            return Any
        self._types = self._types.replace(return_annotation=returned)
        return returned


def prepare(cls: type, name: str, checking: Checking = LAX) -> Method:
    """The prepared method or property *name* of *cls*; the same object every time.

    Raises:
        ReservedMethod: The name is reserved.
        MethodNotFound: Callers may not reach such a name.
        ConfigurationError: Its signature cannot be called.
    """
    prepared = _prepared(cls)
    method = prepared.get((name, checking))
    if method is None or name == "fetch":
        method = prepared[name, checking] = Method(cls, resolve(cls, name), checking)
    return method


def prepare_fetch(cls: type) -> Method:
    """The prepared `fetch` handler of *cls*; the same object every time.

    Raises:
        MethodNotFound: The class has none.
        ConfigurationError: It needs more than the request.
    """
    prepared = _prepared(cls)
    if ("fetch", LAX) not in prepared:
        prepared["fetch", LAX] = Method(cls, resolve_fetch(cls))
    return prepared["fetch", LAX]


def _prepared(cls: type) -> dict[tuple[str, Checking], Method]:
    # On the class, so that a reloaded class is collected together with what was prepared for it.
    prepared: dict[tuple[str, Checking], Method] | None = vars(cls).get(_PREPARED)
    if prepared is None:
        prepared = {}
        setattr(cls, _PREPARED, prepared)
    return prepared


def _getter(member: Any) -> Any:
    return member.fget if isinstance(member, property) else member.func


def _fetch_arguments(signature: inspect.Signature) -> Validate:
    try:
        takes = 1
        signature.bind(None)
    except TypeError:
        takes = 0
    try:
        signature.bind(*[None] * takes)
    except TypeError as error:
        raise ConfigurationError(
            f"fetch{signature} cannot be called with a request: {error}.", fix="Write `async def fetch(self, request)`."
        ) from error

    def validate(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> Arguments:
        return tuple(args[:takes]), {}

    return validate


def _no_arguments(name: str) -> Validate:
    def validate(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        if args or kwargs:
            raise InvalidArguments(f"{name} is a property and takes no arguments.")
        return (), {}

    return validate

"""Service bindings as values: they travel as what they stand for, so the receiver calls the service itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from broker.errors import DataCloneError, ProtocolError
from broker.names import check_entrypoint, check_service
from broker.references import BINDING, SIGNAL
from client.stubs.stub import Stub, Target, live_target

if TYPE_CHECKING:
    from client.calling.caller import Caller


class Bindings:
    """The references of values that need no session: service bindings alone."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def dump(self, value: Any) -> tuple[int, list[Any]] | None:
        """A service binding; anything else is no reference here.

        Raises:
            StubDisposed: it was given up.
        """
        return dump_binding(value) if isinstance(value, Stub) else None

    def load(self, code: int, wire: list[Any]) -> Any:
        """The binding that arrived.

        Raises:
            ProtocolError: it is something that needs a session.
        """
        if code == BINDING:
            return load_binding(self._caller, wire)
        if code == SIGNAL and wire[:1] == [0]:
            return load_given(wire)
        raise ProtocolError("A reference to an object came where none can be kept.")


def dump_binding(stub: Stub) -> tuple[int, list[Any]] | None:
    """The code and elements of a service binding; None for a stub of an object.

    Raises:
        DataCloneError: it is an export of the own service that has not been given its props.
    """
    target = live_target(stub)
    if not isinstance(target, Target):
        return None
    if type(stub) is not Stub:
        raise DataCloneError(
            f"Could not serialize {stub!r}: call it with props first, as in ctx.exports.X(props={{}})."
        )
    return BINDING, [target.service, target.entrypoint, target.props]


def load_given(wire: list[Any]) -> Any:
    """The signal that was given before it was sent, and so needs no session either.

    Raises:
        ProtocolError: its elements are malformed.
    """
    from client.session.signals import AbortSignal

    match wire:
        case [0, str(reason)]:
            signal = AbortSignal()
            signal.give(reason)
            return signal
        case _:
            raise ProtocolError("A signal is malformed.")


def load_binding(caller: Caller, wire: list[Any]) -> Stub:
    """The stub that the elements of a binding stand for.

    Raises:
        ProtocolError: they are malformed.
    """
    match wire:
        case [str(service), str(entrypoint), None | bytes() as props]:
            return Stub(Target(caller, check_service(service), check_entrypoint(entrypoint), props))
        case _:
            raise ProtocolError("A service binding is malformed.")

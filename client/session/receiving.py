"""What the references in a value that was received stand for here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from broker.codec import decode
from broker.errors import ProtocolError
from broker.references import BINDING, EXPORT, OWN, PROMISE, SIGNAL, STREAM
from broker.session import OBJECT
from broker.session import SIGNAL as A_SIGNAL
from broker.session import STREAM as A_STREAM
from client.session.exported import Exported
from client.session.local import LocalTarget
from client.session.promises import read_promise
from client.session.streams import RemoteStream
from client.stubs.bindings import load_binding, load_given
from client.stubs.object_stub import RpcStub, whole_result

if TYPE_CHECKING:
    from client.calling.caller import Caller
    from client.session.live import LiveSession


class Receiving:
    """One value that arrived, with the stubs that were in it. *create* makes the session where there is none yet."""

    def __init__(
        self,
        caller: Caller,
        session: LiveSession | None,
        *,
        promises: bool = False,
        create: Callable[[], LiveSession] | None = None,
    ) -> None:
        self.stubs: list[RpcStub | RemoteStream] = []
        self.promised = 0
        """How often values of other steps stand in it."""
        self._caller = caller
        self._session = session
        self._create = create
        self._promises = promises

    def decode(self, data: bytes, limit: int) -> Any:
        """The value in *data*.

        Raises: what `codec.decode` raises.
        """
        try:
            return decode(data, limit=limit, references=self)
        except BaseException:
            self.drop()
            raise

    def whole(self, value: Any) -> Any:
        """*value* as its caller gets it: a dict or list with stubs inside can be disposed as a whole."""
        return whole_result(value, self.stubs) if self.stubs and type(value) in (dict, list) else value

    def drop(self) -> None:
        """Give up all that came in it: it could not be read, and whoever keeps the exception would keep that too."""
        for stub in self.stubs:
            stub.dispose()

    def dispose(self) -> None:
        """Give up the stubs that came in it; streams go on."""
        for stub in self.stubs:
            if isinstance(stub, RpcStub):
                stub.dispose()

    def load(self, code: int, wire: list[Any]) -> Any:
        """What one reference stands for.

        Raises:
            ProtocolError: it is malformed, or none can stand here.
        """
        if code == BINDING:
            return load_binding(self._caller, wire)
        if code == PROMISE and self._promises:
            self.promised += 1
            return read_promise(wire)
        if code == SIGNAL and wire[:1] == [0]:
            return load_given(wire)
        if self._session is None and self._create is not None:
            self._session = self._create()
        if self._session is None or self._session.machine.broken is not None:
            raise ProtocolError("A reference to an object came where none can be kept.")
        return self._load_live(self._session, code, wire)

    def _load_live(self, session: LiveSession, code: int, wire: list[Any]) -> Any:
        match code, wire:
            case (int(), [int(number)]) if code == EXPORT:
                session.machine.adopt(number, OBJECT)
                return self._kept(RpcStub(session.target(number)))
            case (int(), [int(number)]) if code == STREAM:
                session.machine.adopt(number, A_STREAM)
                return self._kept(session.consuming.stream(number))
            case (int(), [int(number)]) if code == OWN:
                export = session.machine.exports.get(number)
                if export is None or not isinstance(export.target, Exported):
                    raise ProtocolError("An object came home that is not there any more.")
                export.target.hold()
                return self._kept(RpcStub(LocalTarget(export.target)))
            case (int(), [int(number), None]) if code == SIGNAL:
                session.machine.adopt(number, A_SIGNAL)
                return session.consuming.signal(number)
            case _:
                raise ProtocolError("A reference is malformed.")

    def _kept(self, stub: Any) -> Any:
        self.stubs.append(stub)
        return stub

"""Stubs of objects: of targets and functions that live in another process, or in this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, Self, runtime_checkable

from broker.errors import RpcError
from client.calling.call import Call, rebuilding
from client.stubs.call_options import Options
from client.stubs.stub import Stub, changed, live_target


@runtime_checkable
class ObjectTarget(Protocol):
    """What a stub of an object stands for; several handles share one."""

    @property
    def session(self) -> Any:
        """The session that the object belongs to; None for one of this process."""
        ...

    @property
    def number(self) -> int:
        """Its number there."""
        ...

    @property
    def options(self) -> Options:
        """How calls on it are made."""
        ...

    rebuild: Callable[[tuple[str, ...], Any], Any] | None
    """What makes of the result of a member one of the types of `like=`; further handles have it too."""

    def start(self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Start one call."""
        ...

    def hold(self, options: Options | None = None) -> ObjectTarget:
        """Count one more handle, whose calls are made with *options*."""
        ...

    def let_go(self) -> None:
        """Count one handle less; with the last the object is released. May be called from any thread."""
        ...

    def on_broken(self, callback: Callable[[RpcError], object]) -> None:
        """Tell *callback* when the object is gone before its time."""
        ...


class RpcStub(Stub):
    """An object elsewhere. Calls on it begin in the order made, on one and the same object; a function can be called.

    Of its own it has `dup` and `dispose` only. One that is dropped without being disposed lets go by itself. Made from
    an object of this process, `RpcStub(target)`, it behaves as it would elsewhere: calls are asynchronous, values are
    copied.

    Raises:
        TypeError: made from something else than a target, a function or a plain dict.
    """

    __slots__ = ()

    def __init__(self, target: Any) -> None:
        # First of all: what cannot be made is collected too, and then disposed.
        self._disposed = True
        if not isinstance(target, ObjectTarget):
            from client.session.local import local_target

            target = local_target(target)
        super().__init__(target)

    def __call__(self, *args: Any, **kwargs: Any) -> Call:
        """Call the function behind it."""
        from broker.envelope import CALL

        return self.__callyard_start__(CALL, (), args, kwargs)

    def __getattribute__(self, name: str) -> Any:
        # `fetch` is a name like any other here.
        return Stub.__getattr__(self, name) if name == "fetch" else object.__getattribute__(self, name)

    def dup(self) -> RpcStub:
        """Another handle to the same object; the object is released when all of them are disposed."""
        return RpcStub(live_target(self).hold())

    def dispose(self) -> None:
        """Give the stub up; takes effect in the background. Twice is once."""
        if not self._disposed:
            self._disposed = True
            self._target.let_go()

    def __del__(self) -> None:
        self.dispose()

    def __callyard_start__(
        self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        target: ObjectTarget = live_target(self)
        call = target.start(kind, path, args, kwargs)
        return call if target.rebuild is None else rebuilding(call, partial(target.rebuild, path))

    def __callyard_options__(self, given: dict[str, Any]) -> RpcStub:
        if any(given[name] is not None for name in ("idempotency_key", "retries", "keep_result")):
            raise TypeError("Calls on objects take a timeout only: they are never sent twice and never kept.")
        target: ObjectTarget = live_target(self)
        return RpcStub(target.hold(changed(target.options, given)))

    def __repr__(self) -> str:
        return f"<stub of {self._target!r}>"


class Disposable:
    """What results that hold stubs have besides their contents."""

    stubs: Sequence[Any]
    """What is inside."""

    __callyard_plain__ = True

    def dispose(self) -> None:
        """Dispose every stub inside. Twice is once."""
        for stub in self.stubs:
            stub.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()


class ResultDict(dict[Any, Any], Disposable):
    """A dict with stubs inside, which `dispose()` gives up."""


class ResultList(list[Any], Disposable):
    """A list with stubs inside, which `dispose()` gives up."""


def whole_result(value: Any, stubs: Sequence[Any]) -> ResultDict | ResultList:
    """*value*, a dict or list, with a `dispose()` for the *stubs* inside."""
    kind: Any = ResultDict if type(value) is dict else ResultList
    whole: ResultDict | ResultList = kind(value)
    whole.stubs = stubs
    return whole

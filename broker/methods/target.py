"""`RpcTarget`: the class of objects that travel by reference."""

from __future__ import annotations

from broker.methods.visibility import RESERVED_OF_TARGETS


class RpcTarget:
    """The base of objects that stay where they are: passed or returned, they arrive as stubs.

    Callers reach the public methods and properties of the class and its bases, never what was set on the instance.
    A `dispose()` method, sync or async, is run once when the last stub of a reference is gone.
    """

    __callyard_reserved__ = RESERVED_OF_TARGETS

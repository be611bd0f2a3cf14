"""`RpcTarget`: the class of objects that travel by reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from broker.methods.visibility import RESERVED_OF_TARGETS

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class RpcTarget:
    """The base of objects that stay where they are: passed or returned, they arrive as stubs.

    Callers reach the public methods and properties of the class and its bases, never what was set on the instance.
    A `dispose()` method, sync or async, is run once when the last stub of a reference is gone.
    """

    __callyard_reserved__ = RESERVED_OF_TARGETS

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Fields of models and dataclasses may be targets too. One that is a model itself knows its own schema.
        own: Any = getattr(super(), "__get_pydantic_core_schema__", None)
        if own is not None:
            return own(source, handler)
        from broker.methods.reference_types import ObjectType

        return ObjectType(cls).schema()

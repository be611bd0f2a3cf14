"""Where in a service's own code an exception came from."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, Final, cast

from broker.errors import StandIn

_traceback: Final[Any] = BaseException.__dict__["__traceback__"].__get__
"""Reads the traceback of an exception, whatever its class makes of the attribute."""


def raised_at(error: BaseException, cls: type) -> str:
    """File and line of the innermost frame of *error* that lies beside or below the module of *cls*, as `shop.py:12`.

    Libraries do not count, wherever they are installed. Empty where no frame is the service's own.
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if not file:
        return ""
    folder = os.path.join(os.path.dirname(file), "")  # noqa: PTH118, PTH120 -- texts are compared, many a call
    # By its type alone: an exception may lie about its class, or fail when it is asked.
    if issubclass(type(error), StandIn):
        error = cast("StandIn", error).error
    found = ""
    for frame, line in traceback.walk_tb(_traceback(error)):
        name = frame.f_code.co_filename
        if name.startswith(folder) and "site-packages" not in name:
            found = f"{name.removeprefix(folder)}:{line}"
    return found

"""Where in a service's own code an exception came from."""

from __future__ import annotations

import os
import sys
import traceback

from broker.errors import StandIn


def raised_at(error: BaseException, cls: type) -> str:
    """File and line of the innermost frame of *error* that lies beside or below the module of *cls*, as `shop.py:12`.

    Libraries do not count, wherever they are installed. Empty where no frame is the service's own.
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if not file:
        return ""
    folder = os.path.join(os.path.dirname(file), "")  # noqa: PTH118, PTH120 -- texts are compared, many a call
    if isinstance(error, StandIn):
        error = error.error
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name.startswith(folder) and "site-packages" not in name:
            found = f"{name.removeprefix(folder)}:{line}"
    return found

"""The thread of an event loop does not survive a fork: what needs it says so, and does not wait for ever."""

from __future__ import annotations

import os
import sys
from typing import Final
from weakref import WeakKeyDictionary

from anyio.from_thread import BlockingPortal

_owners: Final[WeakKeyDictionary[BlockingPortal, int]] = WeakKeyDictionary()


def _stop_all() -> None:
    for portal in list(_owners):
        # As one that was stopped: its own end, be it by garbage collection, would wait for its thread.
        portal._event_loop_thread_id = None  # pyright: ignore[reportPrivateUsage] -- no public way


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_stop_all)


def own(portal: BlockingPortal) -> None:
    """Note that the thread of *portal* runs in this process."""
    _owners[portal] = os.getpid()


def is_forked(portal: BlockingPortal) -> bool:
    """Whether *portal* came into this process by a fork, without its thread."""
    return _owners.get(portal, os.getpid()) != os.getpid()


def check_process(portal: BlockingPortal) -> None:
    """Check that *portal* has its thread.

    Raises:
        RuntimeError: it came here by a fork.
    """
    if is_forked(portal):
        raise RuntimeError(
            "These services were connected before this process was forked, and their connection stayed in the parent: "
            "call connect_blocking() in each process, after the fork."
        )

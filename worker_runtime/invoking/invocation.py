"""A call that runs here, and the ways in which the runtime itself ends one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from broker.envelope import Outcome
from broker.errors import CallAbandoned, CallCancelled, CallTimeout, RpcError
from broker.methods.method import Method
from broker.outcomes import OF_MEMBERS, raised, refused
from worker_runtime.context import Context
from worker_runtime.groups.delivery import Work
from worker_runtime.invoking.raised_at import raised_at

if TYPE_CHECKING:
    from client.session.live import LiveSession


class Invocation:
    """What the code of a call sees, and what the runtime needs to end it."""

    __slots__ = (
        "begun", "cancelled_because", "claimed", "ctx", "env", "expires", "held_until", "interrupted", "key", "leave",
        "lost", "method", "raised_at", "replied", "session", "settling", "started", "task", "ticket", "work",
    )  # fmt: skip

    def __init__(self, work: Work, method: Method, ctx: Context, env: Any, claimed: float, expires: float) -> None:
        self.work = work
        self.key: Final = work.delivery.key
        """The fence of its delivery."""
        self.method = method
        self.ctx = ctx
        self.env = env
        self.expires = expires
        """Seconds of the event loop's clock at which the method is cancelled."""
        self.begun: Final = claimed
        """When it began; seconds of the event loop's clock."""
        self.claimed = claimed
        """When Redis last heard that the call is still worked on; seconds of the event loop's clock."""
        self.held_until = expires
        """Until when the lease of its entry is renewed; seconds of the event loop's clock."""
        self.ticket: Any = None
        """Its right to run under an idempotency key, if it has one."""
        self.session: LiveSession | None = None
        """What its caller holds of this process, or this process of its caller."""
        self.leave: Callable[[], None] | None = None
        """Called at its end, if it kept others waiting."""
        self.task: asyncio.Task[None] | None = None
        self.started = False
        """Whether its task has had its first step."""
        self.interrupted = False
        """Whether it was to end before that."""
        self.cancelled_because: RpcError | None = None
        self.lost = False
        """Whether another worker has the call now."""
        self.raised_at = ""
        """Where in the service's code the method raised, if it did and that is known."""
        self.replied = False
        """Whether the method has ended; only its `waitUntil` tasks may still run."""
        self.settling = False
        """Whether the acknowledgement is on its way: a lease that ends now ended well."""

    @property
    def stream(self) -> str:
        """The key of the stream that it is pending in."""
        return self.work.delivery.source.stream

    def failed(self, error: BaseException, *, ours: frozenset[type[RpcError]] = OF_MEMBERS) -> Outcome:
        """The outcome of a method that ended with *error*, of which the runtime itself speaks in those of *ours*."""
        aborted, traceback = self.ctx.aborted, self.work.delivery.source.serving.settings.traceback
        if aborted is not None:
            return raised(aborted, ours=frozenset(), traceback=traceback)
        # By its type alone: an exception of the method may lie about its class, or fail when it is asked.
        if issubclass(type(error), asyncio.CancelledError) and self.cancelled_because is not None:
            return refused(self.cancelled_because)
        if self._out_of_time(error):
            return refused(timed_out(self.method.name))
        self.raised_at = raised_at(error, self.work.delivery.source.cls)
        return raised(error, ours=ours, traceback=traceback)

    def _out_of_time(self, error: BaseException) -> bool:
        """Whether *error* is that of a nested call that had what was left of this call's time, and used it up."""
        if not issubclass(type(error), CallTimeout) or cast("CallTimeout", error).remote:
            return False
        return asyncio.get_running_loop().time() >= self.expires

    def cancel(self, because: RpcError) -> None:
        """End the method; its caller, if it still listens, gets *because*."""
        if self.cancelled_because is None and self.task is not None and not self.replied:
            self.cancelled_because = because
            self.ctx.mark_cancelled()
            self.interrupt()

    def interrupt(self) -> None:
        """Cancel the method, unless it has ended already."""
        if not self.replied:
            self.stop()

    def stop(self) -> None:
        """Cancel the task; before its first step, which sees to its own end, that only leaves a note."""
        if self.started and self.task is not None:
            self.task.cancel()
        self.interrupted = True


def timed_out(name: str) -> CallTimeout:
    """The refusal of a method that ran into its deadline."""
    return CallTimeout(f"{name} was cancelled at its deadline.", executed="yes")


def caller_gone(name: str) -> CallCancelled:
    """The refusal of a call that its caller gave up."""
    return CallCancelled(f"{name} was cancelled by its caller.", executed="maybe")


def lost_live(name: str) -> CallAbandoned:
    """The refusal of a call that carries live references and lost its worker."""
    return CallAbandoned(
        f"{name} lost its worker. It carries references to live objects, and such a call is never run twice.",
        executed="maybe",
    )

"""Every error that Callyard itself raises: one tree under `RpcError`.

Each class is also the built-in exception that fits, so code that knows nothing of Callyard can catch it. Each says
whether trying the same call again may help (`retryable`) and whether the method may have run (`executed`).
"""

from typing import Any, Literal

Executed = Literal["no", "maybe", "yes"]


class RpcError(Exception):
    """Raised when a call could not be made, delivered or answered; the base of every error of Callyard.

    Attributes:
        message: What happened, as text.
        retryable: Whether making the same call again later may succeed.
        executed: Whether the method ran: "no", "maybe" or "yes".
        remote: Whether the error was received from the other side.
        retry_after: Seconds to wait before the call is worth another attempt, where that is known.
    """

    retryable: bool = False
    executed: Executed = "maybe"
    remote: bool = False
    retry_after: float | None = None
    message: str

    def __init__(self, message: str = "", *, executed: Executed | None = None) -> None:
        super().__init__(message)
        self.message = message
        if executed is not None:
            self.executed = executed

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # The built-in bases rebuild from `args`, which no longer match the signatures of our constructors.
        return _restore, (type(self), self.message), dict(self.__dict__)


def _restore(kind: type[RpcError], message: str) -> RpcError:
    error = kind.__new__(kind)
    RpcError.__init__(error, message)
    return error


class CallTimeout(RpcError, TimeoutError):
    """Raised when no answer came before the call's deadline."""


class CallAbandoned(RpcError):
    """Raised when the worker that ran the call was lost and the call may not be run again."""


class CallCancelled(RpcError):
    """Raised when the call was cancelled before it could answer."""


class Overloaded(RpcError):
    """Raised when a full service refuses the call at once; `retry_after` says in how many seconds to come back."""

    retryable = True
    executed: Executed = "no"
    retry_after: float | None = 1.0

    def __init__(self, message: str = "", *, retry_after: float = 1.0, executed: Executed | None = None) -> None:
        super().__init__(message, executed=executed)
        self.retry_after = retry_after


class ServiceUnavailable(RpcError, ConnectionError):
    """Raised when no worker ever served the service, or none offers the entrypoint."""

    retryable = True
    executed: Executed = "no"


class BrokerUnavailable(RpcError, ConnectionError):
    """Raised when Redis cannot be reached, or stays away until the deadline."""

    retryable = True


class AuthenticationFailed(BrokerUnavailable):
    """Raised when Redis refuses the user, the password or the certificate."""

    retryable = False
    executed: Executed = "no"


class LinkLost(BrokerUnavailable):
    """Raised when the connection to Redis broke before a command was answered."""


class MethodNotFound(RpcError, AttributeError, TypeError):
    """Raised when the service offers no method or property of that name."""

    executed: Executed = "no"


class ReservedMethod(RpcError, TypeError):
    """Raised when the name is reserved and can never be called remotely."""

    executed: Executed = "no"


class InvalidArguments(RpcError, TypeError):
    """Raised when the arguments do not fit the method's signature or annotations; the method was not entered."""

    executed: Executed = "no"


class InvalidResult(RpcError, TypeError):
    """Raised when a result is not of the type that its caller gave as `like=`; the method has run."""

    executed: Executed = "yes"


class IdempotencyConflict(RpcError, ValueError):
    """Raised when an idempotency key was used before with other arguments; nothing was executed."""

    executed: Executed = "no"


class DataCloneError(RpcError, TypeError):
    """Raised when a value cannot be sent, because no exact copy of it could arrive."""

    executed: Executed = "no"


class PayloadTooLarge(RpcError, ValueError):
    """Raised when a message is larger than the limit."""

    executed: Executed = "no"


class ProtocolError(RpcError):
    """Raised when bytes from the other side do not follow the protocol."""


class StubDisposed(RpcError):
    """Raised when a stub is used after it was disposed."""

    executed: Executed = "no"


class StubBroken(RpcError, ConnectionError):
    """Raised when the object behind a stub is gone, because its process or its call ended."""

    retryable = True


class StreamBroken(StubBroken):
    """Raised when a stream breaks off because its producer is gone; not retryable once something of it was used.

    Attributes:
        received: How many chunks came before.
    """

    received: int

    def __init__(self, message: str = "", *, received: int = 0, executed: Executed | None = None) -> None:
        super().__init__(message, executed=executed)
        self.received = received


class RemoteError(RpcError):
    """Raised when the method raised an exception whose type is not one of the built-in ones.

    Attributes:
        name: The name of the exception's class at the callee.
        message: The text of the exception.
    """

    executed: Executed = "yes"
    remote = True
    name: str

    def __init__(self, name: str, message: str = "", *, executed: Executed | None = None) -> None:
        super().__init__(message, executed=executed)
        self.name = name

    def __repr__(self) -> str:
        return f"RemoteError({self.name!r}, {self.message!r})"


class ConfigurationError(RpcError, ValueError):
    """Raised when a configuration or an address is wrong; nothing was started.

    Attributes:
        file: The file the mistake is in, if it is in one.
        key: The setting that is wrong, as it is written there.
        fix: What to write instead.
    """

    executed: Executed = "no"
    file: str | None
    key: str | None
    fix: str | None

    def __init__(
        self, message: str, *, file: str | None = None, key: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.file, self.key, self.fix = file, key, fix


class StandIn(BaseException):
    """Raised in the place of an exception that could not go this way itself.

    Attributes:
        error: That exception; it is the outcome.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error

"""The tree of errors: what each is, and that it survives copying."""

import copy
import pickle

import pytest

from broker import errors
from broker.errors import ConfigurationError, Overloaded, RemoteError, RpcError

TREE = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RpcError)),
    key=lambda kind: kind.__name__,
)
BUILT_IN = {
    "CallTimeout": (TimeoutError,),
    "ServiceUnavailable": (ConnectionError,),
    "BrokerUnavailable": (ConnectionError,),
    "MethodNotFound": (AttributeError, TypeError),
    "ReservedMethod": (TypeError,),
    "InvalidArguments": (TypeError,),
    "InvalidResult": (TypeError,),
    "IdempotencyConflict": (ValueError,),
    "DataCloneError": (TypeError,),
    "PayloadTooLarge": (ValueError,),
    "StubBroken": (ConnectionError,),
    "StreamBroken": (ConnectionError,),
    "ConfigurationError": (ValueError,),
}
# What each class says of `retryable` and `executed`.
GOLDEN = {
    "RpcError": (False, "maybe"),
    "CallTimeout": (False, "maybe"),
    "CallAbandoned": (False, "maybe"),
    "CallCancelled": (False, "maybe"),
    "Overloaded": (True, "no"),
    "ServiceUnavailable": (True, "no"),
    "BrokerUnavailable": (True, "maybe"),
    "AuthenticationFailed": (False, "no"),
    "LinkLost": (True, "maybe"),
    "MethodNotFound": (False, "no"),
    "ReservedMethod": (False, "no"),
    "InvalidArguments": (False, "no"),
    "InvalidResult": (False, "yes"),
    "IdempotencyConflict": (False, "no"),
    "DataCloneError": (False, "no"),
    "PayloadTooLarge": (False, "no"),
    "ProtocolError": (False, "maybe"),
    "StubDisposed": (False, "no"),
    "StubBroken": (True, "maybe"),
    "StreamBroken": (True, "maybe"),
    "RemoteError": (False, "yes"),
    "ConfigurationError": (False, "no"),
}


def make(kind: type[RpcError]) -> RpcError:
    return RemoteError("Custom", "boom") if kind is RemoteError else kind("boom")


@pytest.mark.parametrize(("name", "bases"), BUILT_IN.items(), ids=BUILT_IN)
def test_an_error_is_also_the_built_in_that_fits(name, bases):
    assert all(issubclass(getattr(errors, name), base) for base in bases)


@pytest.mark.parametrize(("name", "answers"), GOLDEN.items(), ids=GOLDEN)
def test_an_error_says_whether_to_retry_and_whether_it_ran(name, answers):
    error = make(getattr(errors, name))

    assert (error.retryable, error.executed) == answers


def test_the_table_above_knows_every_error():
    assert {kind.__name__ for kind in TREE} == set(GOLDEN)


@pytest.mark.parametrize("kind", TREE)
def test_an_error_says_when_it_is_raised(kind):
    assert (kind.__doc__ or "").startswith("Raised when ")


@pytest.mark.parametrize("kind", TREE)
def test_the_text_of_an_error_is_its_message(kind):
    assert (str(make(kind)), make(kind).message) == ("boom", "boom")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("kind", TREE)
def test_a_copy_of_an_error_is_equal_in_all_that_matters(kind, duplicate):
    error = make(kind)
    error.executed = "yes"
    error.add_note("seen")

    twin = duplicate(error)

    assert type(twin) is kind
    assert str(twin) == "boom"
    assert vars(twin) == vars(error)


def test_one_error_may_know_better_than_its_class_whether_the_method_ran():
    assert errors.BrokerUnavailable("gone", executed="no").executed == "no"
    assert errors.BrokerUnavailable("gone").executed == "maybe"


def test_overloaded_says_when_to_come_back():
    assert Overloaded("full", retry_after=2.5).retry_after == 2.5


def test_a_configuration_error_names_file_key_and_fix():
    error = ConfigurationError("wrong", file="wrangler.toml", key="name", fix='name = "x"')

    assert (error.file, error.key, error.fix) == ("wrangler.toml", "name", 'name = "x"')


def test_a_remote_error_shows_the_name_of_its_class():
    assert repr(RemoteError("Custom", "boom")) == "RemoteError('Custom', 'boom')"

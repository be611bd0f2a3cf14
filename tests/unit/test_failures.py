"""Exceptions cross as what they were, or as a RemoteError, and never cost more than their message."""

import asyncio
import json
from enum import Enum
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import errors, failures
from broker.codec import DEFAULT_LIMIT, decode, encode
from broker.errors import Overloaded, ProtocolError, RemoteError, RpcError

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
PLAIN = [
    Exception("a", 1), ArithmeticError(), AssertionError("a"), AttributeError("a"), BufferError("a"), EOFError("a"),
    FloatingPointError("a"), ImportError("a"), IndexError("a"), KeyError("a"), KeyError(("a", 1)), LookupError("a"),
    MemoryError("a"), ModuleNotFoundError("a"), NameError("a"), NotImplementedError("a"), OverflowError("a"),
    RecursionError("a"), ReferenceError("a"), RuntimeError("a"), SystemError("a"), TypeError("a"), UnicodeError("a"),
    ValueError(1, (2, None), b"x"), ZeroDivisionError("a"), UserWarning("a"), DeprecationWarning("a"),
    OSError("a"), OSError(99999, "odd"), FileNotFoundError(2, "No such file", "x"),
    PermissionError(13, "no", "x", None, "y"),
    TimeoutError("late"), ConnectionResetError(104, "reset"), BlockingIOError(11, "wait", 5),
    SyntaxError("bad", ("f.py", 1, 2, "a b", 1, 3)), IndentationError("bad", ("f.py", 1, 2, "a b")),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), UnicodeEncodeError("utf-8", "a\ud800", 1, 2, "no"),
    UnicodeTranslateError("\udfff", 0, 1, "no"),
]  # fmt: skip


class Custom(Exception):
    def __init__(self, *arguments, **attributes):
        super().__init__(*arguments)
        vars(self).update(attributes)


class Colour(Enum):
    RED = "red"


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("ha")


def there_and_back(error, **options):
    return failures.load(decode(encode(failures.dump(error, **options))))


@pytest.mark.parametrize("error", PLAIN, ids=lambda error: f"{type(error).__name__}-{PLAIN.index(error)}")
def test_a_built_in_exception_arrives_as_what_it_was(error):
    arrived = there_and_back(error)

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert repr(arrived) == repr(error)
    assert arrived.args == error.args
    assert arrived.remote is True


def test_an_os_error_keeps_number_and_file_names():
    arrived = there_and_back(FileNotFoundError(2, "No such file", Path("x")))

    assert (arrived.errno, arrived.strerror, arrived.filename) == (2, "No such file", "x")


def test_an_import_error_keeps_what_it_missed():
    arrived = there_and_back(ModuleNotFoundError("No module", name="x", path="y"))

    assert (arrived.name, arrived.path) == ("x", "y")


def test_a_missing_attribute_keeps_its_name():
    assert there_and_back(AttributeError("a", name="x", obj=object())).name == "x"


@pytest.mark.parametrize("argument", [object, ["x" * 5000], Custom()], ids=["class", "long", "exception"])
@pytest.mark.parametrize("kind", [ValueError, KeyError])
def test_arguments_that_cannot_travel_leave_their_text(kind, argument):
    error = kind(argument)
    arrived = there_and_back(error)

    assert type(arrived) is kind
    assert str(arrived)[:4000] == str(error)[:4000]


def test_a_long_text_that_could_not_be_decoded_is_cut_around_the_place():
    error = UnicodeDecodeError("utf-8", b"a" * 9000 + b"\xff" + b"b" * 9000, 9000, 9001, "invalid start byte")
    arrived = there_and_back(error)

    assert type(arrived) is UnicodeDecodeError
    assert arrived.object[arrived.start : arrived.end] == b"\xff"
    assert "position 9000 of 18001" in str(arrived)
    assert len(arrived.object) < 200


@pytest.mark.parametrize(
    "error",
    [
        Custom("boom"), json.JSONDecodeError("boom", "x", 0), type("ValueError", (Exception,), {})("boom"),
        SystemExit("boom"), KeyboardInterrupt("boom"), asyncio.CancelledError("boom"), GeneratorExit("boom"),
        StopIteration("boom"), StopAsyncIteration("boom"), ExceptionGroup("boom", [ValueError()]),
        errors.CallTimeout("boom"), Overloaded("boom"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_any_other_exception_becomes_a_remote_error(error):
    arrived = there_and_back(error)

    assert type(arrived) is RemoteError
    assert arrived.name == type(error).__name__
    assert arrived.message.startswith("boom")
    assert (arrived.remote, arrived.executed) == (True, "yes")


def test_a_remote_error_passed_on_keeps_the_first_name():
    arrived = there_and_back(there_and_back(Custom("boom")))

    assert (arrived.name, arrived.message) == ("Custom", "boom")


def test_the_callees_timeout_is_no_call_timeout():
    arrived = there_and_back(TimeoutError("mine"))

    assert not isinstance(arrived, RpcError)
    assert arrived.remote


def test_simple_own_attributes_travel():
    error = Custom("boom", code=5, when=[1, (2, {"a": None})], status=HTTPStatus.OK, colour=Colour.RED)
    arrived = there_and_back(error)

    assert (arrived.code, arrived.when, arrived.status, arrived.colour) == (5, [1, (2, {"a": None})], 200, "red")


@pytest.mark.parametrize(
    "value", [object(), "\ud800", "x" * 5000, Custom(), lambda: 1, 1 << 100_000],
    ids=["object", "surrogate", "long", "exception", "function", "int"]
)  # fmt: skip
def test_any_other_attribute_stays_behind(value):
    arrived = there_and_back(Custom("boom", code=5, bad=value, _private=1))

    assert arrived.code == 5
    assert not hasattr(arrived, "bad")
    assert not hasattr(arrived, "_private")


def test_an_attribute_that_contains_itself_stays_behind():
    cycle: list[object] = []
    cycle.append(cycle)

    assert not hasattr(there_and_back(Custom("boom", bad=cycle)), "bad")


def test_attributes_are_bounded_together():
    arrived = there_and_back(Custom("boom", **{f"a{number}": "x" * 500 for number in range(100)}))

    assert 5 < sum(key.startswith("a") for key in vars(arrived)) < 10


@pytest.mark.parametrize(
    "key",
    ["args", "remote", "name", "message", "retryable", "executed", "with_traceback", "add_note", "remote_traceback"],
)
def test_an_attribute_never_replaces_what_the_exception_has(key):
    arrived = there_and_back(Custom("boom", **{key: "evil"}) if key != "args" else Custom("boom"))
    wire = failures.dump(Custom("boom"))
    wire[3] = {key: "evil"}
    forged = failures.load(wire)

    assert getattr(arrived, key, None) != "evil"
    assert getattr(forged, key, None) != "evil"


def test_a_name_that_is_no_attribute_is_not_set():
    wire = failures.dump(ValueError())
    wire[3] = {"__class__": 1, "_x": 1, "a b": 1, "__notes__": 1}

    assert set(vars(failures.load(wire))) == {"remote"}


def test_notes_travel():
    error = ValueError("a")
    error.add_note("first")
    error.add_note("second \ud800")

    assert there_and_back(error).__notes__ == ["first", "second \\ud800"]


def test_notes_are_bounded():
    error = ValueError("a")
    for _ in range(100):
        error.add_note("x" * 1000)

    assert sum(map(len, there_and_back(error).__notes__)) <= 4096


@pytest.mark.parametrize("notes", [5, [5, "kept"], None], ids=repr)
def test_odd_notes_do_no_harm(notes):
    error = ValueError("a")
    error.__notes__ = notes

    assert getattr(there_and_back(error), "__notes__", []) in ([], ["kept"])


def test_the_traceback_travels_only_on_request():
    try:
        raise ValueError("\ud800" + "x" * 50_000)
    except ValueError as raised:
        error = raised

    assert not hasattr(there_and_back(error), "remote_traceback")
    text = there_and_back(error, traceback=True).remote_traceback
    assert len(text.encode()) <= 16384

    short = there_and_back(KeyError("a"), traceback=True).remote_traceback
    assert short == "KeyError: 'a'\n"


def test_an_exception_without_text_is_survived():
    arrived = there_and_back(Unprintable(), traceback=True)

    assert arrived.name == "Unprintable"
    assert "__str__ raised RuntimeError" in arrived.message


def test_a_long_message_is_cut():
    assert len(there_and_back(ValueError("ä" * 100_000)).args[0].encode()) <= 4096
    assert there_and_back(Custom("\ud800")).message == "\\ud800"


@given(st.text(st.characters()), st.dictionaries(st.text(st.characters(), max_size=8), JUNK, max_size=4))
def test_a_failure_can_always_be_sent(message, attributes):
    error = Custom(message)
    vars(error).update(attributes)

    assert len(encode(failures.dump(error))) < 32_000 < DEFAULT_LIMIT
    assert type(there_and_back(error)) is RemoteError


@given(JUNK)
def test_what_is_no_failure_is_refused(wire):
    for reader in (failures.load, failures.load_refusal):
        with pytest.raises(ProtocolError):
            reader(wire)


@given(st.sampled_from([type(error).__name__ for error in PLAIN]), JUNK | st.lists(JUNK, max_size=6))
def test_forged_arguments_give_an_exception_or_a_refusal(name, arguments):
    try:
        arrived = failures.load([name, "boom", arguments, {}, [], None])
    except ProtocolError:
        return

    assert isinstance(arrived, Exception)
    assert type(arrived).__name__ in (name, "RemoteError") or isinstance(arrived, OSError)


@pytest.mark.parametrize(
    "name", ["eval", "SystemExit", "CallTimeout", "broker.errors.CallTimeout", "object", "BaseException"]
)
def test_a_peer_cannot_name_a_type(name):
    assert type(failures.load([name, "boom", ["boom"], {}, [], None])) is RemoteError


@pytest.mark.parametrize(
    "kind",
    [
        errors.RpcError, errors.CallTimeout, errors.CallAbandoned, errors.CallCancelled, errors.ServiceUnavailable,
        errors.BrokerUnavailable, errors.AuthenticationFailed, errors.MethodNotFound, errors.ReservedMethod,
        errors.InvalidArguments, errors.DataCloneError, errors.PayloadTooLarge, errors.ProtocolError,
        errors.StubDisposed, errors.StubBroken,
    ],
)  # fmt: skip
@pytest.mark.parametrize("executed", ["no", "maybe", "yes"])
def test_a_refusal_arrives_as_the_very_same_class(kind, executed):
    arrived = failures.load_refusal(decode(encode(failures.dump_refusal(kind("boom", executed=executed)))))

    assert type(arrived) is kind
    assert (str(arrived), arrived.executed, arrived.remote) == ("boom", executed, True)


def test_overloaded_keeps_its_delay():
    arrived = failures.load_refusal(failures.dump_refusal(Overloaded("full", retry_after=2.5)))

    assert (type(arrived), arrived.retry_after, arrived.executed) == (Overloaded, 2.5, "no")


def test_a_class_that_stays_at_home_is_told_as_its_base():
    wire = failures.dump_refusal(errors.LinkLost("gone"))

    assert type(failures.load_refusal(wire)) is errors.BrokerUnavailable


@pytest.mark.parametrize(
    "wire",
    [["RpcError", "a", "never", None], ["Unknown", "a", "no", None], ["RpcError", "a", "no", -1.0],
     ["RpcError", "a", "no", float("nan")], ["RpcError", "a", "no", True], ["RemoteError", "a", "no", None], []],
    ids=repr,
)  # fmt: skip
def test_a_forged_refusal_is_refused(wire):
    with pytest.raises(ProtocolError):
        failures.load_refusal(wire)


def test_an_exception_is_also_a_value():
    arrived = decode(encode({"error": ValueError("a")}))["error"]

    assert (type(arrived), str(arrived)) == (ValueError, "a")

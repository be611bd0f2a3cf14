"""Values cross exactly or are refused, and bytes from a peer are read or refused."""

import dataclasses
import datetime as dt
import enum
import math
import threading
from collections import OrderedDict
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.codec import DEEPEST, decode, encode, pack, unpack
from broker.errors import DataCloneError, PayloadTooLarge, ProtocolError
from broker.http import Blob, File, FormData, Headers, Request, Response
from broker.references import CODES
from broker.values import Extensions

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
OFFSETS = st.integers(-86_399, 86_399).map(lambda seconds: dt.timezone(dt.timedelta(seconds=seconds)))
ZONES = st.none() | OFFSETS
NUMBERS = st.integers() | st.integers(-(1 << 80), 1 << 80) | st.floats(allow_nan=False)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    TEXT,
    st.binary(),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=ZONES),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
)
KEYS = SCALARS | st.lists(SCALARS, max_size=3).map(tuple) | st.frozensets(SCALARS, max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.one_of(
        st.lists(values, max_size=4),
        st.lists(values, max_size=4).map(tuple),
        st.dictionaries(KEYS, values, max_size=4),
        st.sets(KEYS, max_size=4),
        st.frozensets(KEYS, max_size=4),
    ),
    max_leaves=12,
)

NAIVE = dt.datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001 -- naive stays naive

# Read both ways: these bytes are the protocol.
GOLDEN = {
    "none": (None, "c0"),
    "true": (True, "c3"),
    "int": (1, "01"),
    "negative": (-33, "d0df"),
    "largest": ((1 << 64) - 1, "cfffffffffffffffff"),
    "larger": (1 << 64, "92c70004c409010000000000000000"),
    "smaller": (-(1 << 63) - 1, "92c70004c409ff7fffffffffffffff"),
    "float": (1.5, "cb3ff8000000000000"),
    "infinity": (math.inf, "cb7ff0000000000000"),
    "text": ("ü", "a2c3bc"),
    "bytes": (b"a", "c40161"),
    "list": ([1, []], "920190"),
    "dict": ({"a": 1}, "81a16101"),
    "keys": ({1: 2}, "810102"),
    "tuple": ((1,), "92c7000101"),
    "no tuple": ((), "91c70001"),
    "set": ({1}, "92c7000201"),
    "frozenset": (frozenset({1}), "92c7000301"),
    "datetime": (NAIVE, "93c70005b3" + b"2024-05-06T07:08:09".hex() + "00"),
    "fold": (NAIVE.replace(fold=1), "93c70005b3" + b"2024-05-06T07:08:09".hex() + "01"),
    "date": (dt.date(2024, 5, 6), "92c70006aa" + b"2024-05-06".hex()),
    "time": (dt.time(7, 8, tzinfo=dt.UTC), "93c70007ae" + b"07:08:00+00:00".hex() + "00"),
    "timedelta": (dt.timedelta(1, 2, 3), "94c70008010203"),
    "Decimal": (Decimal("1.50"), "92c70009a4312e3530"),
    "UUID": (UUID(int=1), "92c7000ac410" + "00" * 15 + "01"),
    "form": (FormData({"a": "b"}), "92c7001792a161a162"),
    "arguments": (((1, 2), {}), "93c7000193c70001010280"),
}


class Colour(enum.Enum):
    RED = "red"
    MANY = (1, 2)
    LARGE = 1 << 70


class Size(enum.IntEnum):
    SMALL = 1


class Mode(enum.StrEnum):
    ON = "on"


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    inner: object = None


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    field: int = pydantic.Field(alias="Alias")


class Roots(pydantic.RootModel[list[int]]):
    pass


class OddZone(dt.tzinfo):
    def utcoffset(self, when):
        return None


class Text(str):
    __slots__ = ()


class Broken:
    pass


class Pair(NamedTuple):
    a: int
    b: int


def there_and_back(value):
    return decode(encode(value))


def same(left, right):
    """Equal, of the same types all the way down, in the same order."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, set | frozenset):
        return left == right and {(type(item), item) for item in left} == {(type(item), item) for item in right}
    if isinstance(left, dt.datetime | dt.time):
        return left.isoformat() == right.isoformat() and (left.tzinfo is not None or left.fold == right.fold)
    return repr(left) == repr(right)


def nested(levels, wrap=lambda inner: [inner]):
    value = None
    for _ in range(levels):
        value = wrap(value)
    return value


@given(VALUES)
def test_a_value_arrives_as_what_it_was(value):
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(("value", "wire"), GOLDEN.values(), ids=GOLDEN)
def test_the_bytes_of_a_value_are_fixed(value, wire):
    assert encode(value).hex() == wire
    assert same(decode(bytes.fromhex(wire)), value)


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324])
def test_every_number_arrives_exactly(value):
    arrived = there_and_back(value)

    assert type(arrived) is type(value)
    assert arrived == value or math.isnan(value)
    assert math.copysign(1, arrived) == math.copysign(1, value) if isinstance(value, float) else True


@pytest.mark.parametrize("digits", [4300, 16384])
def test_ints_of_many_digits_arrive(digits):
    assert there_and_back([10**digits, -(10**digits)]) == [10**digits, -(10**digits)]


@pytest.mark.parametrize("text", ["NaN", "sNaN123", "-0", "1E+999999", "Infinity"])
def test_every_decimal_arrives_exactly(text):
    assert str(there_and_back(Decimal(text))) == text


@pytest.mark.parametrize("value", [bytearray(b"ab"), memoryview(b"ab")])
def test_buffers_arrive_as_bytes(value):
    assert same(there_and_back([value]), [b"ab"])


def test_an_aware_time_keeps_its_offset():
    moment = dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))

    assert there_and_back(moment).utcoffset() == dt.timedelta(hours=1)
    assert there_and_back(moment) == moment.astimezone(dt.UTC)


@pytest.mark.parametrize(
    "value", [dt.datetime(2024, 1, 1, tzinfo=OddZone()), dt.time(1, tzinfo=ZoneInfo("Europe/Berlin"))]
)
def test_a_time_zone_without_an_offset_is_refused(value):
    with pytest.raises(DataCloneError, match="no fixed offset"):
        encode(value)


def test_an_offset_with_a_fraction_of_a_second_is_refused():
    with pytest.raises(DataCloneError, match="fraction of a second"):
        encode(dt.time(tzinfo=dt.timezone(dt.timedelta(microseconds=1))))


def test_dataclasses_models_and_enums_arrive_as_dicts_and_values():
    value = [Point(1, Point(2)), Model(Alias=1, more=2), Roots([1]), *Colour, Size.SMALL, Mode.ON]
    plain = [
        {"x": 1, "inner": {"x": 2, "inner": None}}, {"field": 1, "more": 2}, [1],
        "red", (1, 2), 1 << 70, 1, "on",
    ]  # fmt: skip

    assert same(there_and_back(value), plain)


@pytest.mark.parametrize(
    "value", [OrderedDict(), Pair(1, 2), Text("a"), type("L", (list,), {})(), type("D", (dt.date,), {})(1, 1, 1)],
    ids=["OrderedDict", "namedtuple", "str", "list", "date"],
)  # fmt: skip
def test_a_subclass_of_a_built_in_is_refused(value):
    with pytest.raises(DataCloneError, match=r"is a subclass of a built-in.* Convert it first"):
        encode({"a": [value]})


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (Broken(), "Pass plain data"),
        (Broken, "Classes do not travel"),
        (len, "Functions"),
        (range(3), "Pass plain data"),
    ],
    ids=["object", "class", "function", "range"],
)
def test_any_other_object_is_refused_with_type_path_and_advice(value, advice):
    name = type(value).__name__
    start = f'Could not serialize object of type "{name}". This type does not support serialization.'

    with pytest.raises(DataCloneError) as refused:
        encode(({"a": [0, (value,)]}, {}))

    assert str(refused.value).startswith(start)
    assert "[0]['a'][1][0]" in str(refused.value)
    assert advice in str(refused.value)


async def test_an_awaitable_is_refused_with_advice():
    async def method():
        return 1

    call = method()
    with pytest.raises(DataCloneError, match="Await it first"):
        encode([call])
    await call


@pytest.mark.parametrize("value", ["\ud800", ["a", "\udfff"], {"\ud800": 1}, Point(1, "\ud800")], ids=ascii)
def test_a_lone_surrogate_is_refused(value):
    with pytest.raises(DataCloneError, match="lone surrogate"):
        encode(value)


def test_an_int_beyond_any_reason_is_refused():
    with pytest.raises(DataCloneError, match="An int may take"):
        encode([1 << 70_000])


def test_a_cycle_is_refused():
    value = {"a": []}
    value["a"].append(value)
    with pytest.raises(DataCloneError, match="contains itself"):
        encode(value)


def test_the_same_object_twice_is_no_cycle():
    twice = [1]

    assert there_and_back([twice, (twice, twice)]) == [[1], ([1], [1])]


def test_a_field_that_raises_is_a_refusal():
    point = Point.__new__(Point)  # a slot that was never set
    with pytest.raises(DataCloneError, match="AttributeError"):
        encode(point)


@pytest.mark.parametrize(
    "wrap",
    [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: frozenset([v])],
    ids=["list", "tuple", "dict", "frozenset"],
)
def test_values_nest_to_a_fixed_depth(wrap):
    assert same(there_and_back(nested(DEEPEST, wrap)), nested(DEEPEST, wrap))
    with pytest.raises(DataCloneError, match="more than 64 levels"):
        encode(nested(DEEPEST + 1, wrap))


def test_keys_count_as_levels():
    with pytest.raises(DataCloneError, match="more than 64 levels"):
        encode({nested(DEEPEST, lambda inner: (inner,)): "a key that is long enough to be looked at"})


def test_a_message_that_is_nested_deeper_is_refused():
    with pytest.raises(ProtocolError, match="more than 64 levels"):
        decode(msgpack.packb(nested(DEEPEST + 1)))


def test_dataclasses_count_as_levels():
    with pytest.raises(DataCloneError, match="more than 64 levels"):
        encode(nested(DEEPEST + 1, lambda inner: Point(1, inner)))


def test_a_value_may_be_as_large_as_the_limit():
    data = encode("a" * 100)

    assert encode("a" * 100, limit=len(data)) == data
    assert decode(data, limit=len(data)) == "a" * 100
    with pytest.raises(PayloadTooLarge, match="102 bytes"):
        encode("a" * 100, limit=len(data) - 1)
    with pytest.raises(PayloadTooLarge, match="102 bytes"):
        decode(data, limit=len(data) - 1)


def test_a_long_list_is_no_attack():
    value = list(range(200_000))

    assert there_and_back(value) == value


async def test_blobs_files_and_forms_arrive():
    form = FormData([("a", "1"), ("f", File(b"\0", "x.bin", "a/b", last_modified=5)), ("a", "2")])
    blob, file, arrived = decode(encode([Blob("ü", "text/css"), form["f"], form]))

    assert (type(blob), await blob.text(), blob.content_type) == (Blob, "ü", "text/css")
    assert (type(file), file.name, file.last_modified, await file.bytes()) == (File, "x.bin", 5, b"\0")
    assert [name for name, _ in arrived.items()] == ["a", "f", "a"]
    assert (arrived["a"], arrived["f"].content_type) == ("1", "a/b")


@pytest.mark.parametrize("wire", ["91c70015", "93c70015c4016101", "92c7001701", "92c7001792a16101", "92c70016c40161"])
def test_what_is_no_blob_or_form_is_not_read_as_one(wire):
    with pytest.raises(ProtocolError):
        decode(bytes.fromhex(wire))


def test_no_code_stands_for_two_things():
    assert CODES.isdisjoint(Extensions().by_code)
    assert len({extension.code for extension in Extensions().by_type.values()}) == len(Extensions().by_code)


async def test_http_values_arrive():
    request = Request("http://h/", method="POST", body="x")
    response = Response.json({"a": 1}, headers=[("set-cookie", "a"), ("set-cookie", "b")])
    headers = Headers({"a": "b"})
    arrived = there_and_back([request, response, headers])

    assert [type(item) for item in arrived] == [Request, Response, Headers]
    assert await arrived[0].text() == "x"
    assert await arrived[1].json() == {"a": 1}
    assert arrived[1].headers.get_all("set-cookie") == ["a", "b"]
    assert arrived[2] == headers


async def test_a_body_that_was_read_is_refused():
    response = Response("x")
    await response.text()

    with pytest.raises(DataCloneError, match="already used"):
        encode(response)


def read(data, reader=decode):
    """Whatever bytes are, reading them gives a value or a typed refusal."""
    try:
        reader(data)
    except (ProtocolError, PayloadTooLarge):
        return


EXTENSION = st.integers(0, 20).map(lambda code: msgpack.ExtType(code, b""))
ARRAYS = st.recursive(
    st.none() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | TEXT | st.binary() | EXTENSION,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXT | st.integers(0, 9), inner, max_size=3),
)


@given(st.binary(max_size=400))
def test_garbage_is_read_or_refused(data):
    read(data)
    read(data, unpack)


@given(ARRAYS)
def test_well_formed_nonsense_is_read_or_refused(value):
    data = msgpack.packb(value)
    read(data)
    read(data, unpack)


@given(VALUES, st.data())
@example([NAIVE, (1, 2), {1: 2}], None)
def test_damaged_values_are_read_or_refused(value, data):
    wire = bytearray(encode(value))
    if data is not None:
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(wire))
    read(bytes(wire[:-1]))


@pytest.mark.parametrize(
    "wire",
    ["", "c1", "9101 00", "c70001", "9201c70001", "81c7000101", "c70063", "91c70063", "92c7010100", "92c7000201c70001",
     "94c7000201 0101", "8201020103", "92c70004a161", "92c70009c0", "d40100"],
)  # fmt: skip
def test_misplaced_and_malformed_extensions_are_refused(wire):
    with pytest.raises(ProtocolError):
        decode(bytes.fromhex(wire))


def test_a_deeply_nested_message_does_not_exhaust_a_small_stack():
    mark = b"\xc7\x00\x01"
    wires = [b"\x91" * 900 + b"\xc0", (b"\x92" + mark) * 900 + b"\xc0"]
    inside_out = b"\xc0"
    for _ in range(900):
        inside_out = msgpack.packb(msgpack.ExtType(1, b"\x91" + inside_out))
    refused = []

    def read_all():
        for wire in [*wires, inside_out]:
            with pytest.raises(ProtocolError):
                decode(wire)
            refused.append(wire)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=read_all)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)

    assert len(refused) == 3


@pytest.mark.parametrize("code", [2, 3])
def test_keys_chosen_to_collide_are_refused(code):
    prime = (1 << 61) - 1
    keys = [[msgpack.ExtType(4, b""), (number * prime).to_bytes(12, "big")] for number in range(10, 4000)]

    with pytest.raises(ProtocolError, match="same hash"):
        decode(msgpack.packb([msgpack.ExtType(code, b""), *keys]))


def test_many_honest_keys_are_read():
    value = {number: number for number in range(5000)}

    assert there_and_back([value, set(value)]) == [value, set(value)]


@given(
    st.recursive(st.none() | st.integers(0, 9) | TEXT | st.binary(), lambda v: st.lists(v) | st.dictionaries(TEXT, v))
)
def test_heads_are_plain(value):
    assert unpack(pack(value)) == value


def test_a_head_holds_no_extension():
    with pytest.raises(ProtocolError):
        unpack(encode((1, 2)))


def test_threads_do_not_disturb_each_other():
    value = {"a": [(1, {2}, "x" * 500)] * 50}
    wrong = []

    def repeat():
        wrong.extend(1 for _ in range(50) if there_and_back(value) != value)

    threads = [threading.Thread(target=repeat) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong

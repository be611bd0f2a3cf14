"""What KV takes, and what it says of what it does not take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.keys import NamespaceKeys
from worker_runtime.env.platform_options import options_of
from worker_runtime.kv import KVNamespace, limits
from worker_runtime.kv.reading import reader_of

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("", TypeError, "Key name cannot be empty."),
        (".", TypeError, '"." is not allowed as a key name.'),
        ("..", TypeError, '".." is not allowed as a key name.'),
        (7, TypeError, "a key name is a str, not int"),
        ("ä" * 257, ValueError, "414 UTF-8 encoded length of 514 exceeds key length limit of 512."),
        ("\ud800", ValueError, "surrogate"),
    ],
)
def test_impossible_names_are_refused(name, error, said):
    with pytest.raises(error, match=said):
        limits.name_bytes("PUT", name)


def test_longest_name_and_largest_value_are_taken():
    assert len(limits.name_bytes("GET", "ä" * 256)) == 512
    assert len(limits.value_bytes(bytes(25 << 20))) == 25 << 20


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (bytes((25 << 20) + 1), ValueError, "413 Value length of 26214401 exceeds limit of 26214400."),
        ({"a": 1}, TypeError, "not dict. Use json.dumps"),
        (None, TypeError, "not NoneType"),
        ("\udfff", ValueError, "surrogate"),
    ],
)
def test_impossible_values_are_refused(value, error, said):
    with pytest.raises(error, match=said):
        limits.value_bytes(value)


@pytest.mark.parametrize(
    ("metadata", "error", "said"),
    [
        ("x" * 1023, ValueError, "413 Metadata length of 1025 exceeds limit of 1024."),
        ({1, 2}, TypeError, "JSON"),
        (float("nan"), ValueError, "JSON"),
    ],
)
def test_impossible_metadata_is_refused(metadata, error, said):
    with pytest.raises(error, match=said):
        limits.metadata_bytes(metadata)


@pytest.mark.parametrize(
    ("expiration", "ttl", "moment"),
    [(None, None, None), (None, 60, NOW + 60_000), (None, 90.9, NOW + 90_000), (NOW // 1000 + 60, None, NOW + 60_000)],
)
def test_expiry_is_a_moment(expiration, ttl, moment):
    assert limits.expiry_ms(expiration, ttl, NOW) == moment


@pytest.mark.parametrize(
    ("expiration", "ttl", "error", "said"),
    [
        (None, 59, ValueError, "Invalid expiration_ttl of 59. Expiration TTL must be at least 60."),
        (None, 0, ValueError, "Invalid expiration_ttl of 0. Please specify integer greater than 0."),
        (None, "60", TypeError, "Invalid expiration_ttl of '60'"),
        (None, float("inf"), TypeError, "Invalid expiration_ttl"),
        (None, float("nan"), TypeError, "Invalid expiration_ttl"),
        (None, 10**400, TypeError, "Invalid expiration_ttl"),
        (1e300, None, TypeError, "Invalid expiration"),
        (NOW // 1000, None, ValueError, "greater than the current number of seconds"),
        (NOW // 1000 + 59, None, ValueError, "at least 60 seconds in the future"),
        (True, None, TypeError, "Invalid expiration of True"),
    ],
)
def test_an_expiry_that_is_too_soon_is_refused(expiration, ttl, error, said):
    with pytest.raises(error, match=said):
        limits.expiry_ms(expiration, ttl, NOW)


@pytest.mark.parametrize(
    ("limit", "error", "said"),
    [(0, ValueError, "greater than 0"), (1001, ValueError, "less than 1000"), ("7", TypeError, "7")],
)
def test_an_impossible_page_size_is_refused(limit, error, said):
    with pytest.raises(error, match=said):
        limits.page_size(limit)


@given(st.text(min_size=1, max_size=20), st.text(max_size=10))
def test_the_range_of_a_prefix_holds_exactly_the_names_that_begin_with_it(name, prefix):
    encoded = name.encode("utf-8", "surrogatepass")
    if prefix in {".", ".."} or any("\ud800" <= char <= "\udfff" for char in name + prefix):
        return
    start, end = limits.lexical_range(prefix, None)
    after = start == b"-" or encoded >= start[1:]
    before = end == b"+" or encoded < end[1:]
    assert (after and before) == encoded.startswith(prefix.encode())


@pytest.mark.parametrize("cursor", ["!", "abc", "ä"])
def test_a_cursor_that_no_list_gave_is_refused(cursor):
    with pytest.raises(ValueError, match="Invalid cursor"):
        limits.lexical_range(None, cursor)


@pytest.mark.parametrize(
    ("kind", "many", "said"),
    [
        ("xml", False, "Unknown response type"),
        ("stream", False, "yet"),
        ("arrayBuffer", True, "not a valid type"),
        (7, False, "Unknown"),
    ],
)
def test_an_impossible_type_is_refused(kind, many, said):
    with pytest.raises(TypeError, match=said):
        reader_of(kind, many=many)


def test_options_are_keywords_or_a_dict_in_either_spelling():
    known = {"expirationTtl": None, "metadata": None}
    assert options_of("put", None, {"expiration_ttl": 60}, known) == {"expirationTtl": 60, "metadata": None}
    assert options_of("put", {"expirationTtl": 60, "metadata": 1}, {"metadata": 2}, known) == {
        "expirationTtl": 60,
        "metadata": 2,
    }
    with pytest.raises(TypeError, match="put\\(\\) has no option 'ttl'; it has expirationTtl, metadata"):
        options_of("put", None, {"ttl": 60}, known)
    with pytest.raises(TypeError, match="one dict, not int"):
        options_of("put", 60, {}, known)


async def test_too_many_names_at_once_are_refused_before_anything_is_asked():
    namespace = KVNamespace(None, NamespaceKeys("p", "n"), lambda: NOW)
    with pytest.raises(ValueError, match="maximum of 100 keys"):
        await namespace.get([str(number) for number in range(101)])
    assert repr(namespace) == "<KV namespace n>"

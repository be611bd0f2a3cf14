"""Compressed bodies: whatever way they are cut, and whatever somebody puts into them."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.fetching.decompressing import LARGEST_PIECE, decompressed, is_known


async def each(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def plain(encoding: str, *pieces: bytes) -> bytes:
    return b"".join([piece async for piece in decompressed(each(*pieces), encoding)])


def raw_deflate(data: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflating.compress(data) + deflating.flush()


WAYS = {
    "gzip": lambda data: ("gzip", gzip.compress(data)),
    "old name": lambda data: (" X-GZIP", gzip.compress(data)),
    "two runs": lambda data: ("gzip", gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "padded": lambda data: ("gzip", gzip.compress(data) + bytes(20)),
    "deflate": lambda data: ("deflate", zlib.compress(data)),
    "without header": lambda data: ("Deflate", raw_deflate(data)),
}


@pytest.mark.parametrize("way", WAYS)
@given(data=st.binary(max_size=300) | st.binary(max_size=30).map(lambda data: data * 9000), cut=st.integers(1, 400))
async def test_it_comes_out_as_it_was_however_it_is_cut(way, data, cut):
    encoding, packed = WAYS[way](data)

    assert await plain(encoding, *[packed[at : at + cut] for at in range(0, len(packed), cut)]) == data


async def test_a_few_bytes_that_stand_for_many_come_out_in_small_pieces():
    bomb = gzip.compress(bytes(50_000_000))

    assert max([len(piece) async for piece in decompressed(each(bomb), "gzip")]) == LARGEST_PIECE


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "spoiled",
    [lambda data: data[:-9], lambda data: b"\xff" * 3 + data, lambda data: data[:1]],
    ids=["cut", "broken", "hardly begun"],
)
async def test_what_is_broken_or_breaks_off_is_an_error(encoding, spoiled):
    packed = (gzip if encoding == "gzip" else zlib).compress(b"a text that is long enough to be cut" * 9)

    with pytest.raises(ValueError, match="compression"):
        await plain(encoding, spoiled(packed))


async def test_nothing_is_nothing():
    assert await plain("gzip") == await plain("deflate") == b""


@pytest.mark.parametrize("encoding", ["", "br", "identity", "gzip, gzip", "gzip,deflate"])
def test_other_encodings_are_not_known(encoding):
    assert not is_known(encoding)

"""Large assets, which are read while they are sent."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from broker.http import BodyStream
from worker_runtime.assets.contents import LARGEST_WHOLE, PIECE

LARGE = bytes(range(256)) * 2500
"""Two pieces and a half."""


def open_files(path: Path) -> int:
    """How many descriptors of this process are the file at *path*."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found += descriptor.samefile(path)
    return found


@pytest.fixture
def large(public: Path) -> Path:
    file = public / "large.bin"
    file.write_bytes(LARGE)
    os.utime(file, (1_000_000, 1_000_000))
    return file


async def test_it_comes_in_pieces_with_its_length_and_its_hash(large, ask):
    response = ask("/large.bin")
    pieces = [piece async for piece in response.body]

    assert b"".join(pieces) == LARGE
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, len(LARGE) - 2 * PIECE]
    assert response.headers["content-length"] == str(len(LARGE))
    assert ask("/large.bin", if_none_match=response.headers["etag"]).status == 304


@pytest.mark.parametrize("size", [LARGEST_WHOLE, LARGEST_WHOLE + 1, PIECE, PIECE + 1])
async def test_no_byte_is_lost_whatever_its_size(public, ask, size):
    (public / "x.bin").write_bytes(LARGE[:size])
    response = ask("/x.bin")

    assert isinstance(response.body, BodyStream) == (size > LARGEST_WHOLE)
    assert await response.bytes() == LARGE[:size]


async def test_it_is_closed_at_its_end_when_it_is_given_up_and_when_it_is_dropped(large, ask):
    whole, begun, unread, dropped = (ask("/large.bin") for _ in range(4))
    assert open_files(large) == 4

    await whole.bytes()
    assert open_files(large) == 3
    await anext(aiter(begun.body))
    await begun.body.aclose()
    await begun.body.aclose()
    assert open_files(large) == 2
    await unread.body.aclose()
    assert open_files(large) == 1
    del dropped
    assert open_files(large) == 0


async def test_one_that_changes_while_it_is_sent_breaks_off_and_is_read_anew_then(large, ask, public):
    body = aiter(ask("/large.bin").body)
    assert await anext(body) == LARGE[:PIECE]
    with large.open("r+b") as file:
        file.seek(len(LARGE) - 1)
        file.write(b"?")
    os.utime(large, (1_000_000, 1_000_000))

    received = []
    with pytest.raises(OSError, match="has changed"):
        received.extend([piece async for piece in body])
    assert (await ask("/large.bin").bytes())[-1:] == b"?"


def test_head_has_its_length_and_leaves_no_file_open(large, ask):
    response = ask("/large.bin", method="HEAD")

    assert (response.headers["content-length"], response.body) == (str(len(LARGE)), None)
    assert open_files(large) == 0

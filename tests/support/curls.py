"""`curl`, as a person types it."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from typing import NamedTuple

import pytest

from tests.support.workers import PATIENCE


class Curled(NamedTuple):
    """How it ended: its exit code, what it wrote, and what it said of that."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode()


async def curl(*arguments: str) -> Curled:
    """What `curl` with these arguments gives, once it has ended."""
    process = await curling(*arguments)
    return await ended(process)


async def curling(*arguments: str) -> Process:
    """`curl` with these arguments, while it runs."""
    found = shutil.which("curl")
    if found is None:
        missing = "There is no curl on PATH: the gateway was not tried with it."
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    # Without what a person has in ~/.curlrc, and without a proxy.
    return await asyncio.create_subprocess_exec(
        found, "-q", "-sS", "--noproxy", "*", *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )


async def ended(process: Process, stdin: bytes = b"") -> Curled:
    """How it ended, after it was given the rest of its input."""
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate(stdin)
    assert process.returncode is not None
    return Curled(process.returncode, output, errors.decode())

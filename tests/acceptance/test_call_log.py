"""`--log-calls`: what a line says of calls that come with streams, and of those that do not."""

import re

import pytest

from tests.support.workers import until

pytestmark = pytest.mark.redis


async def test_a_line_says_how_a_call_ended_whatever_travels_with_it(place):
    worker = place.workers.serve(place.site(), "--log-calls")
    async with place.connect() as services:
        await services.site.fetch("http://h/large?size=10")
        await (await services.site.fetch("http://h/large?size=2000000")).bytes()
        for size in (10, 2_000_000):
            with pytest.raises(ValueError, match="secret"):
                await services.site.fetch("http://h/fail", method="POST", body=bytes(size))

    def logged():
        return [re.sub(r"^[0-9:]+ | +[0-9.]+ m?s ", "", line).strip() for line in worker.output if "site." in line]

    await until(lambda: len(logged()) == 4, "four lines")
    # Only the session can read a request or a response whose body comes in pieces.
    assert logged()[:2] == ["site.fetch GET /large ok 200", "site.fetch GET /large ok"]
    assert [line.partition(" (site.py:")[0] for line in logged()[2:]] == [
        "site.fetch POST /fail raised ValueError: the secret of the service",
        "site.fetch raised ValueError: the secret of the service",
    ]

"""The scripts of delivery against a model, through every order of events that Hypothesis can think of.

The model knows of each entry whether it waits, who has it with which delivery count, or how it ended. Whatever the
order, and whoever comes too late, Redis and the model agree: each call is in exactly one place, and only the
present holder changes anything.
"""

from dataclasses import dataclass

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.keys import GROUP, ServiceKeys
from broker.link import Script

KEYS = ServiceKeys("machine", "svc")
STREAM, REPLY, SWEPT = KEYS.calls("Default"), KEYS.reply("caller01"), KEYS.sweep("Default")
SCRIPTS = {
    name: Script(name).text for name in ("enqueue", "settle", "renew", "claim", "release", "dead", "bounce", "channel")
}
WORKERS = st.sampled_from(["w1", "w2", "w3"])


@dataclass
class Entry:
    """What the model knows of one entry."""

    place: str = "queued"
    owner: str = ""
    count: int = 0

    def held_by(self, worker: str, count: int) -> bool:
        return self.place == "pending" and (self.owner, self.count) == (worker, count)


class Delivery(RuleBasedStateMachine):
    """Three workers, of which any may be slow, dead or mistaken."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self.client = client
        self.entries: dict[bytes, Entry] = {}
        self.handed_out: list[tuple[str, bytes, int]] = []
        self.sequence = self.replies = self.dead = 0

    def run(self, name, keys, arguments):
        return self.client.eval(SCRIPTS[name], len(keys), *keys, *arguments)

    @initialize()
    def empty_server(self):
        self.client.flushdb()
        self.client.xgroup_create(STREAM, GROUP, "0", mkstream=True)
        self.run("channel", [REPLY], [600_000])

    @rule(calls=st.integers(1, 3), again=st.booleans())
    def enqueue(self, calls, again):
        first = self.sequence + 1
        arguments = [part for number in range(first, first + calls) for part in (number, f"call {number}")]
        keys = [STREAM, KEYS.producer("caller01", "Default"), KEYS.meta]
        before = self.sequence
        self.sequence += calls
        for _ in range(1 + again):
            assert self.run("enqueue", keys, ["Default", 600_000, before, *arguments]) == [0, self.sequence]
        new = [entry_id for entry_id, _ in self.client.xrange(STREAM) if entry_id not in self.entries]
        assert len(new) == calls
        self.entries |= {entry_id: Entry() for entry_id in new}

    @rule(worker=WORKERS, count=st.integers(1, 2))
    def read(self, worker, count):
        for _, entries in self.client.xreadgroup(GROUP, worker, {STREAM: ">"}, count=count):
            for entry_id, _ in entries:
                assert self.entries[entry_id].place == "queued"
                self._hand_out(worker, entry_id, 1)

    @rule(worker=WORKERS, late=st.booleans())
    def claim(self, worker, late):
        seconds, microseconds = self.client.time()
        asked_at = seconds * 1000 + microseconds // 1000 - (60_000 if late else 0)
        self.client.delete(SWEPT)
        _, found, trimmed = self.run("claim", [STREAM, SWEPT], [GROUP, worker, 0, "0-0", 1, asked_at, 30_000, 1000])
        assert not trimmed
        if late:
            assert not found
        for entry_id, count, _ in found:
            assert self.entries[entry_id].place == "pending"
            assert count == self.entries[entry_id].count + 1
            self._hand_out(worker, entry_id, count)

    def _hand_out(self, worker, entry_id, count):
        self.entries[entry_id] = Entry("pending", worker, count)
        self.handed_out.append((worker, entry_id, count))

    def _some(self, data):
        worker, entry_id, count = data.draw(st.sampled_from(self.handed_out))
        return worker, entry_id, count, self.entries[entry_id].held_by(worker, count)

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data(), acknowledge=st.booleans(), reply=st.booleans(), twice=st.booleans())
    def settle(self, data, acknowledge, reply, twice):
        worker, entry_id, count, held = self._some(data)
        said = "reply" if reply else ""
        plain = [1, entry_id, count, said] if acknowledge else [0, entry_id, count, 0, said, 0]
        arguments = [GROUP, worker, *plain]
        assert self.run("settle", [STREAM, REPLY], arguments) == ([] if held else [entry_id])
        self.replies += held and reply
        if held and acknowledge:
            self.entries[entry_id] = Entry("settled")
            if twice:
                assert self.run("settle", [STREAM, REPLY], arguments) == [entry_id]

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data())
    def renew(self, data):
        worker, entry_id, count, held = self._some(data)
        assert self.run("renew", [STREAM], [GROUP, worker, entry_id, count]) == ([] if held else [entry_id])

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data(), begun=st.booleans())
    def release(self, data, begun):
        worker, entry_id, count, held = self._some(data)
        assert self.run("release", [STREAM, SWEPT], [GROUP, worker, entry_id, count, int(begun)]) == int(held)
        if held:
            self.entries[entry_id].count -= not begun

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data())
    def bury(self, data):
        worker, entry_id, count, held = self._some(data)
        arguments = [GROUP, worker, entry_id, count, "letter", "reply", 1000]
        assert self.run("dead", [STREAM, KEYS.dead, REPLY], arguments) == int(held)
        if held:
            self.entries[entry_id] = Entry("dead")
            self.dead += 1
            self.replies += 1

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data())
    def bounce(self, data):
        worker, entry_id, count, held = self._some(data)
        assert self.run("bounce", [STREAM], [GROUP, worker, entry_id, count, "call again"]) == int(held)
        if held:
            self.entries[entry_id] = Entry("bounced")
            [new] = [known for known, _ in self.client.xrange(STREAM) if known not in self.entries]
            self.entries[new] = Entry()

    @invariant()
    def every_call_is_in_exactly_one_place(self):
        alive = {entry_id for entry_id, entry in self.entries.items() if entry.place in ("queued", "pending")}
        assert {entry_id for entry_id, _ in self.client.xrange(STREAM)} == alive
        assert self.client.xlen(KEYS.dead) == self.dead
        assert self.client.xlen(REPLY) == self.replies

    @invariant()
    def redis_and_the_model_agree_who_has_what(self):
        pending = {
            entry["message_id"]: (entry["consumer"].decode(), entry["times_delivered"])
            for entry in (self.client.xpending_range(STREAM, GROUP, "-", "+", 1000) if self.entries else [])
        }
        assert pending == {
            entry_id: (entry.owner, entry.count) for entry_id, entry in self.entries.items() if entry.place == "pending"
        }


@pytest.mark.redis
def test_redis_and_the_model_agree_through_every_order_of_events(redis_url):
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        run_state_machine_as_test(
            lambda: Delivery(client),
            settings=settings(
                max_examples=150,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )

"""The scripts of queues against a model, through every order of events that Hypothesis can think of.

The model knows of each message whether it waits, is delayed, who has it, or how it ended. Whatever the order, and
whoever comes too late: each message is in exactly one place, and only its present holder changes anything.
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

from broker.keys import GROUP, QueueKeys
from broker.link import Script

KEYS = QueueKeys("machine", "work")
SCRIPTS = {name: Script(name).text for name in ("queue_send", "queue_due", "queue_settle", "claim", "release")}
WORKERS = st.sampled_from(["w1", "w2", "w3"])
DONE, AGAIN, DEAD = range(3)
LATER = 600_000


@dataclass
class Place:
    """Where the model has a message."""

    name: str
    entry_id: bytes = b""
    owner: str = ""
    count: int = 0


class Queue(RuleBasedStateMachine):
    """Three consumers, of which any may be slow, dead or mistaken."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self.client = client
        self.places: dict[bytes, Place] = {}
        self.handed_out: list[tuple[str, bytes, bytes, int]] = []
        self.number = 0

    def run(self, name, keys, *arguments):
        return self.client.eval(SCRIPTS[name], len(keys), *keys, *arguments)

    @initialize()
    def empty_server(self):
        self.client.flushdb()
        self.client.xgroup_create(KEYS.messages, GROUP, "0", mkstream=True)

    @rule(count=st.integers(1, 3), delayed=st.booleans(), again=st.booleans())
    def send(self, count, delayed, again):
        messages = [b"message %d" % number for number in range(self.number, self.number + count)]
        self.number += count
        arguments = [part for message in messages for part in (message, LATER * delayed)]
        for _ in range(1 + again):
            keys = [KEYS.messages, KEYS.delayed, KEYS.sent(str(self.number))]
            taken, held = self.run("queue_send", keys, 600_000, 1_000, *arguments)
            assert taken == 1
        self.places |= {message: Place("delayed" if delayed else "queued") for message in messages}
        assert held == sum(place.name in {"queued", "pending", "delayed"} for place in self.places.values())

    @precondition(lambda self: any(place.name == "delayed" for place in self.places.values()))
    @rule(data=st.data(), most=st.integers(1, 2))
    def come_due(self, data, most):
        delayed = sorted(message for message, place in self.places.items() if place.name == "delayed")
        due = data.draw(st.lists(st.sampled_from(delayed), unique=True, max_size=2))
        for message in due:
            self.client.zadd(KEYS.delayed, {message: 1}, xx=True)
        wait = self.run("queue_due", [KEYS.messages, KEYS.delayed], most)
        moved = sorted(due)[:most]
        for message in moved:
            self.places[message] = Place("queued")
        assert (wait == 0) == (len(due) > most)
        assert (wait == -1) == (len(moved) == len(delayed))
        for message in set(due) - set(moved):
            self.client.zadd(KEYS.delayed, {message: 1 << 50}, xx=True)

    @rule(worker=WORKERS, count=st.integers(1, 2))
    def read(self, worker, count):
        for _, entries in self.client.xreadgroup(GROUP, worker, {KEYS.messages: ">"}, count=count):
            for entry_id, fields in entries:
                assert self.places[fields[b"m"]].name == "queued"
                self._hand_out(worker, fields[b"m"], entry_id, 1)

    @rule(worker=WORKERS)
    def claim(self, worker):
        seconds, microseconds = self.client.time()
        self.client.delete(KEYS.sweep)
        asked_at = seconds * 1000 + microseconds // 1000
        keys = [KEYS.messages, KEYS.sweep]
        _, found, _ = self.run("claim", keys, GROUP, worker, 0, "0-0", 1, asked_at, 30_000, 1000)
        for entry_id, count, fields in found:
            place = self.places[fields[1]]
            assert (place.name, place.entry_id, place.count + 1) == ("pending", entry_id, count)
            self._hand_out(worker, fields[1], entry_id, count)

    def _hand_out(self, worker, message, entry_id, count):
        self.places[message] = Place("pending", entry_id, worker, count)
        self.handed_out.append((worker, message, entry_id, count))

    def _some(self, data):
        worker, message, entry_id, count = data.draw(st.sampled_from(self.handed_out))
        held = self.places.get(message) == Place("pending", entry_id, worker, count)
        return worker, message, entry_id, count, held

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data(), fate=st.sampled_from([DONE, AGAIN, DEAD]), delayed=st.booleans(), twice=st.booleans())
    def settle(self, data, fate, delayed, twice):
        worker, message, entry_id, count, held = self._some(data)
        value = b"" if fate == DONE else message + b"!" if fate == AGAIN else message
        arguments = [GROUP, worker, 1000, entry_id, count, fate, value, LATER * delayed]
        keys = [KEYS.messages, KEYS.delayed, KEYS.dead]
        assert self.run("queue_settle", keys, *arguments) == ([] if held else [entry_id])
        if held:
            if fate == AGAIN:
                del self.places[message]
                self.places[value] = Place("delayed" if delayed else "queued")
            else:
                self.places[message] = Place("done" if fate == DONE else "dead")
            if twice:
                assert self.run("queue_settle", keys, *arguments) == [entry_id]

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data(), begun=st.booleans())
    def release(self, data, begun):
        worker, message, entry_id, count, held = self._some(data)
        keys = [KEYS.messages, KEYS.sweep]
        assert self.run("release", keys, GROUP, worker, entry_id, count, int(begun)) == int(held)
        if held:
            self.places[message].count -= not begun

    @invariant()
    def every_message_is_in_exactly_one_place(self):
        def those(*names):
            return sorted(message for message, place in self.places.items() if place.name in names)

        assert sorted(fields[b"m"] for _, fields in self.client.xrange(KEYS.messages)) == those("queued", "pending")
        assert sorted(self.client.zrange(KEYS.delayed, 0, -1)) == those("delayed")
        assert sorted(fields[b"m"] for _, fields in self.client.xrange(KEYS.dead)) == those("dead")

    @invariant()
    def redis_and_the_model_agree_who_has_what(self):
        pending = {
            (entry["message_id"], entry["consumer"].decode(), entry["times_delivered"])
            for entry in (self.client.xpending_range(KEYS.messages, GROUP, "-", "+", 1000) if self.places else [])
        }
        assert pending == {
            (place.entry_id, place.owner, place.count) for place in self.places.values() if place.name == "pending"
        }


@pytest.mark.redis
def test_redis_and_the_model_agree_through_every_order_of_events(redis_url):
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        run_state_machine_as_test(
            lambda: Queue(client),
            settings=settings(
                max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )

"""Which process serves: through single events, and through any order of them."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker_runtime.dev.takeover import CRASHED, FAILED, NOTHING, Command, Takeover


@pytest.fixture
def takeover():
    takeover = Takeover()
    assert takeover.changed() == [Command("start", 1)]
    return takeover


def test_new_process_takes_over_when_it_is_ready(takeover):
    assert takeover.ready(1) == []
    assert takeover.changed() == [Command("start", 2)]
    assert takeover.serving == 1
    assert takeover.ready(2) == [Command("end", 1)]
    assert takeover.serving == 2
    assert takeover.ended(1) == []


def test_one_that_never_gets_ready_leaves_the_old_one_serving(takeover):
    takeover.ready(1)
    takeover.changed()
    assert takeover.ended(2) == [Command("tell", text=FAILED)]
    assert (takeover.serving, takeover.starting) == (1, None)


def test_first_one_that_fails_waits_for_a_change(takeover):
    assert takeover.ended(1) == [Command("tell", text=NOTHING)]
    assert takeover.changed() == [Command("start", 2)]


def test_later_change_overtakes_the_one_that_is_starting(takeover):
    takeover.ready(1)
    takeover.changed()
    assert takeover.changed() == [Command("end", 2), Command("start", 3)]
    assert takeover.ready(2) == []
    assert takeover.ended(2) == []
    assert takeover.ready(3) == [Command("end", 1)]


def test_while_nothing_serves_an_overtaken_one_serves_until_the_newest_is_ready(takeover):
    assert takeover.changed() == [Command("start", 2)]
    assert takeover.changed() == [Command("start", 3)]
    assert takeover.ready(1) == []
    assert takeover.serving == 1
    assert takeover.ready(2) == [Command("end", 2)]
    assert takeover.ready(3) == [Command("end", 1)]


def test_overtaken_one_that_gets_ready_outlives_a_newer_one_that_fails(takeover):
    takeover.changed()
    assert takeover.ready(1) == []
    assert takeover.ended(2) == [Command("tell", text=FAILED)]
    assert takeover.serving == 1


def test_process_that_ends_by_itself_is_replaced(takeover):
    takeover.ready(1)
    assert takeover.ended(1) == [Command("tell", text=CRASHED), Command("start later", 2)]


def test_crash_while_another_is_starting_waits_for_that_one(takeover):
    takeover.ready(1)
    takeover.changed()
    assert takeover.ended(1) == []
    assert takeover.ready(2) == []
    assert takeover.serving == 2


class AnyOrder(RuleBasedStateMachine):
    """What the shell would do, with processes that get ready and end whenever they like."""

    def __init__(self):
        super().__init__()
        self.takeover = Takeover()
        self.alive: set[int] = set()
        self.told: set[int] = set()
        self.got_ready: set[int] = set()
        self.do(self.takeover.changed())

    def do(self, commands):
        for verb, number, _ in commands:
            if verb in ("start", "start later"):
                self.alive.add(number)
            elif verb == "end":
                assert number in self.alive
                self.told.add(number)

    @rule()
    def change(self):
        self.do(self.takeover.changed())

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def get_ready(self, data):
        number = data.draw(st.sampled_from(sorted(self.alive)))
        if number not in self.got_ready:
            self.got_ready.add(number)
            self.do(self.takeover.ready(number))

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def end(self, data):
        number = data.draw(st.sampled_from(sorted(self.alive)))
        self.alive.discard(number)
        self.do(self.takeover.ended(number))

    @invariant()
    def every_process_serves_or_starts_or_was_told_to_end(self):
        assert self.alive - self.told == (
            {self.takeover.serving, self.takeover.starting, *self.takeover.overtaken} - {None}
        )

    @invariant()
    def nothing_waits_in_vain_while_something_serves(self):
        assert self.takeover.serving is None or not self.takeover.overtaken & self.got_ready

    @invariant()
    def what_serves_was_not_told_to_end(self):
        assert self.takeover.serving not in self.told


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_any_order_of_events = AnyOrder.TestCase

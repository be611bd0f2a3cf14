"""The broker of a test run, when something ends it before its time."""

from worker_runtime.testing.private_broker import PrivateBroker


def test_a_private_broker_that_has_ended_is_followed_by_another():
    private = PrivateBroker()
    try:
        first = private.url()
        assert private.url() == first
        child = private._broker._child
        child.terminate()
        child.wait(20)

        assert private.url() != first
        assert private._broker.running
    finally:
        private.stop()


def test_a_private_broker_that_was_stopped_starts_anew():
    private = PrivateBroker()
    private.stop()
    private.stop()
    try:
        assert private.url()
    finally:
        private.stop()
    assert private._broker is None

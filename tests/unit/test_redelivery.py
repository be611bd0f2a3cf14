"""The decision about a delivery, over all that it may depend on."""

from hypothesis import given
from hypothesis import strategies as st

from broker.redelivery import Decision, decide

deliveries = st.fixed_dictionaries(
    {
        "delivery_count": st.integers(1, 50),
        "retries": st.integers(0, 20),
        "deadline": st.integers(0, 10_000),
        "now": st.integers(0, 10_000),
        "replied": st.booleans(),
    }
)


@given(deliveries)
def test_a_call_runs_at_most_once_more_than_its_retries(delivery):
    if delivery["delivery_count"] > delivery["retries"] + 1:
        assert decide(**delivery) is Decision.ABANDON


@given(deliveries)
def test_no_call_that_nobody_answered_starts_after_its_deadline(delivery):
    if decide(**delivery) is Decision.RUN and not delivery["replied"]:
        assert delivery["now"] < delivery["deadline"]


@given(deliveries)
def test_a_call_that_was_answered_runs_again_for_its_background_tasks(delivery):
    answered = {**delivery, "replied": True}
    if answered["delivery_count"] <= answered["retries"] + 1:
        assert decide(**answered) is Decision.RUN


@given(deliveries)
def test_a_first_delivery_is_never_abandoned(delivery):
    assert decide(**{**delivery, "delivery_count": 1}) is not Decision.ABANDON

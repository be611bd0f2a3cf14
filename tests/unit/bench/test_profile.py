"""From samples to the stages of a call."""

import time

import pytest

from bench.profile import Part, part_of, shown
from bench.stages import LOOP, STAGES, stage_of
from bench.watch import Watch, label_of, own_function
from broker import codec, envelope, outcomes
from broker.link import Script
from broker.link.wire import Wire
from broker.methods import arguments
from client.calling.producer import Producer
from client.calling.replies import ReplyReader
from worker_runtime.consuming.consumer import Consumer
from worker_runtime.invoking import running, steps
from worker_runtime.settling.settler import Settler


@pytest.mark.parametrize(
    ("end", "function", "stage"),
    [
        ("client", codec.encode, "encode"),
        ("client", codec.decode, "reply"),
        ("client", outcomes.read_outcome, "reply"),
        ("client", envelope.pack_call, "encode"),
        ("client", envelope.unpack_reply, "reply"),
        ("client", Producer.add, "queue"),
        ("client", Script.run, "queue"),
        ("client", Wire.write, "write"),
        ("client", Wire.data_received, "read"),
        ("client", ReplyReader.close, "reply"),
        ("worker", Consumer.run, "dispatch"),
        ("worker", envelope.unpack_call, "dispatch"),
        ("worker", codec.decode, "validate"),
        ("worker", arguments.compile_validation, "validate"),
        ("worker", running.run, "run"),
        ("worker", steps.read_arguments, "validate"),
        ("worker", codec.encode, "reply"),
        ("worker", Settler.settle, "ack"),
        ("worker", Wire.write, "write"),
    ],
    ids=lambda value: getattr(value, "__qualname__", value),
)
def test_function_belongs_to_its_stage(end, function, stage):
    label = label_of(function.__code__)

    assert label is not None
    assert stage_of(end, label) == stage


def test_every_stage_of_a_call_has_a_function_that_leads_to_it(root):
    for end, folders in (("client", ("broker", "client")), ("worker", ("broker", "worker_runtime"))):
        files = [str(path.relative_to(root)) for folder in folders for path in (root / folder).rglob("*.py")]
        reached = {
            stage_of(end, f"{file}:{name}") for file in files for name in ("x", "read_arguments", "Wire._resolve")
        }
        assert STAGES[end].keys() <= reached


def test_function_that_no_pattern_fits_shows_as_itself():
    assert stage_of("worker", "worker_runtime/brand_new.py:f") == "worker_runtime/brand_new.py"


def test_stages_add_up_to_the_cpu_of_the_process():
    found = {"client/calling/producer.py:Producer._send": 30, "broker/link/wire.py:Wire.write": 50, LOOP: 20}

    part = part_of("client", found, cpu=2.0, calls=1000)

    assert part.cpu == pytest.approx(2000.0)
    assert part.stages == pytest.approx({"queue": 600.0, "write": 1000.0, LOOP: 400.0})
    assert part.samples == 100


def test_samples_find_the_function_that_uses_the_cpu_and_not_one_that_waits():
    watch = Watch()

    def burn() -> None:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    watch.begin("samples")
    burn()
    time.sleep(0.1)
    told = watch.end()

    [(busiest, times)] = sorted(told["samples"].items(), key=lambda pair: -pair[1])[:1]
    assert busiest.endswith("burn")
    assert times >= 0.8 * sum(told["samples"].values())
    assert 0.2 <= told["cpu"] < 0.29


def test_what_runs_in_no_function_of_ours_is_the_event_loop():
    assert own_function(None) == LOOP


def test_stages_are_shown_in_the_order_that_a_call_goes_through_them():
    text = shown([Part("client", {"reply": 1.0, "make": 2.0, LOOP: 3.0}, [("client/x.py:f", 1.5)], 7)], 64, 1)

    assert text.index("make") < text.index("encode") < text.index("reply") < text.index(LOOP)
    assert "6.0 us of CPU" in text
    assert "7 samples" in text
    assert "1.50 us  client/x.py:f" in text

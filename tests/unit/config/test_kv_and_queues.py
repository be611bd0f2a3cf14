"""KV namespaces and queues in the configuration."""

import pytest

from broker.errors import ConfigurationError
from worker_runtime.config import load, plan

QUEUES = """
[[queues.producers]]
binding = "JOBS"
queue = "jobs"
delivery_delay = 5

[[queues.consumers]]
queue = "jobs"
max_batch_size = 20
max_batch_timeout = 1.5
max_retries = 2
dead_letter_queue = "failed-jobs"
max_concurrency = 3
retry_delay = 60

[[queues.consumers]]
queue = "failed-jobs"
"""


def mistake(load_toml, text):
    with pytest.raises(ConfigurationError) as caught:
        load_toml(text)
    return str(caught.value)


def test_kv_namespaces_are_bindings_with_an_id(load_toml):
    config = load_toml('kv_namespaces = [{ binding = "CACHE", id = "06779da6940b431db6e566b4846d64db" }]')
    [namespace] = config.kv_namespaces
    assert (namespace.binding, namespace.id) == ("CACHE", "06779da6940b431db6e566b4846d64db")
    assert config.notes == ()


def test_queues_have_producers_and_consumers(load_toml):
    config = load_toml(QUEUES)
    [producer] = config.queue_producers
    assert (producer.binding, producer.queue, producer.delivery_delay) == ("JOBS", "jobs", 5)
    jobs, failed = config.queue_consumers
    assert (jobs.max_batch_size, jobs.max_batch_timeout, jobs.max_retries) == (20, 1.5, 2)
    assert (jobs.dead_letter_queue, jobs.max_concurrency, jobs.retry_delay) == ("failed-jobs", 3, 60)
    assert (failed.max_batch_size, failed.max_batch_timeout, failed.max_retries) == (10, 5, 3)
    assert (failed.dead_letter_queue, failed.max_concurrency, failed.retry_delay) == (None, None, 0)


def test_json_says_the_same(folder):
    (folder / "wrangler.jsonc").write_text(
        '{"name": "a", "main": "worker.py", "kv_namespaces": [{"binding": "KV", "id": "x"}],'
        ' "queues": {"producers": [{"binding": "Q", "queue": "q"}], "consumers": [{"queue": "q"}]}}'
    )
    config = load(folder, process_environment={})
    assert config.kv_namespaces[0].id == "x"
    assert config.queue_producers[0].queue == config.queue_consumers[0].queue == "q"


def test_the_plan_has_a_line_for_each(load_toml):
    lines = plan(load_toml('kv_namespaces = [{ binding = "CACHE", id = "x" }]\n' + QUEUES))
    assert "  binding CACHE -> KV namespace x" in lines
    assert "  binding JOBS -> queue jobs after 5s" in lines
    assert (
        "  queue jobs: 3 batches at a time of 20 messages, each filled for 1.5s; 2 retries after 1m, "
        "then queue failed-jobs" in lines
    )
    assert "  queue failed-jobs: batches of 10 messages, each filled for 5s; 3 retries, then the dead letters" in lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kv_namespaces = 1", 'The field "kv_namespaces" should be an array but got 1. Write [[kv_namespaces]].'),
        ("kv_namespaces = [1]", '"kv_namespaces" bindings should be objects, but got 1.'),
        (
            'kv_namespaces = [{ binding = "KV" }]',
            '"kv_namespaces[0]" bindings should have a string "id" field but got {"binding": "KV"}. Write binding',
        ),
        ('kv_namespaces = [{ binding = "KV", id = 7 }]', 'should have a string "id" field'),
        (
            'kv_namespaces = [{ binding = "K-V", id = "x" }]',
            "kv_namespaces[0].binding: should be a name that can stand",
        ),
        ('kv_namespaces = [{ binding = "KV", id = "a}b" }]', "kv_namespaces[0].id: should be 1 to 63 letters"),
        ("queues = []", 'The field "queues" should be an object but got [].'),
        ("queues = { producers = 1 }", 'The field "queues.producers" should be an array but got 1.'),
        (
            'queues = { producers = [{ binding = "Q" }] }',
            '"queues.producers[0]" bindings should have a string "queue" field but got {"binding": "Q"}.',
        ),
        (
            'queues = { producers = [{ binding = "Q", queue = "q", delivery_delay = 43201 }] }',
            "queues.producers[0].delivery_delay: should be less than or equal to 43200 but got 43201.",
        ),
        ("queues = { consumers = [{}] }", '"queues.consumers[0]" bindings should have a string "queue" field'),
        (
            'queues = { consumers = [{ queue = "q", max_batch_size = 101 }] }',
            "queues.consumers[0].max_batch_size: should be less than or equal to 100 but got 101.",
        ),
        (
            'queues = { consumers = [{ queue = "q", max_batch_timeout = 61 }] }',
            "max_batch_timeout: should be less than",
        ),
        ('queues = { consumers = [{ queue = "q", max_retries = "x" }] }', "max_retries: should be a valid integer but"),
        ('queues = { consumers = [{ queue = "q", max_concurrency = 0 }] }', "max_concurrency: should be greater than"),
        ('queues = { consumers = [{ queue = "q", retry_delay = -1 }] }', "retry_delay: should be greater than or"),
        (
            'queues = { consumers = [{ queue = "q", dead_letter_queue = "q" }] }',
            'the queue "q" cannot take its own dead letters.',
        ),
        (
            'queues = { consumers = [{ queue = "q" }, { queue = "q" }] }',
            'consumers[1].queue: the queue "q" is consumed',
        ),
        (
            'queues = { consumers = [{ queue = "q", type = "http_pull" }] }',
            'queues.consumers[0].type: should be "worker" but got "http_pull".',
        ),
    ],
)
def test_a_mistake_names_the_key_and_the_fix(load_toml, text, said):
    assert said in mistake(load_toml, text)


def test_what_has_no_effect_gets_a_note(load_toml):
    config = load_toml(
        'kv_namespaces = [{ binding = "KV", id = "x", preview_id = "y", remote = true, bindin = 1 }]\n'
        'queues = { consumer = [], producers = [{ binding = "Q", queue = "q", remote = true }],'
        ' consumers = [{ queue = "q", type = "worker", visibility_timeout_ms = 1, max_retry = 1 }] }'
    )
    assert config.notes == (
        'kv_namespaces[0].bindin: unknown key: ignored. Did you mean "binding"?',
        "kv_namespaces[0].preview_id: has no effect here: ignored",
        "kv_namespaces[0].remote: has no effect here: ignored",
        'queues.consumer: unknown key: ignored. Did you mean "consumers"?',
        "queues.producers[0].remote: has no effect here: ignored",
        'queues.consumers[0].max_retry: unknown key: ignored. Did you mean "max_retries"?',
        'queues.consumers[0].visibility_timeout_ms: has no effect here: the setting "lease" counts',
    )


def test_environments_do_not_inherit_them(load_toml):
    text = 'kv_namespaces = [{ binding = "KV", id = "x" }]\n' + QUEUES + "\n[env.prod]\n"
    config = load_toml(text, environment="prod")
    assert (config.kv_namespaces, config.queue_producers, config.queue_consumers) == ((), (), ())
    assert sum("environments do not inherit" in note for note in config.notes) == 2

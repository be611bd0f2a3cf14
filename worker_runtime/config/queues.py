"""The `queues` table: the queues that a service puts messages into, and those whose messages it handles."""

from worker_runtime.config import notes
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.model import QueueConsumer, QueueProducer
from worker_runtime.config.rows import described, rows
from worker_runtime.config.tables import as_table, shown

_TABLE = ("producers", "consumers")
_PRODUCER = ("binding", "queue", "delivery_delay", "remote")
_PRODUCER_FIX = 'Write binding = "NAME" and queue = "name-of-the-queue".'
_CONSUMER = (*QueueConsumer.model_fields, "type", "visibility_timeout_ms")
_CONSUMER_FIX = 'Write queue = "name-of-the-queue".'


def queue_producers(section: Section, mistakes: Mistakes) -> tuple[tuple[QueueProducer, ...], list[str]]:
    """Return the bindings that are right, and notes; what is wrong is added to `mistakes`."""
    found, said = list[QueueProducer](), list[str]()
    table = _table(section, mistakes)
    place = section.place("queues")
    said += notes.on_unknown(table, _TABLE, prefix=f"{place}.")
    for key, row in rows(table.get("producers"), f"{place}.producers", _PRODUCER_FIX, mistakes):
        if (producer := described(QueueProducer, row, key, _PRODUCER_FIX, mistakes)) is not None:
            found.append(producer)
            said += notes.on_unknown(row, _PRODUCER, prefix=f"{key}.")
            if "remote" in row:
                said.append(f"{key}.remote: has no effect here: ignored")
    return tuple(found), said


def queue_consumers(section: Section, mistakes: Mistakes) -> tuple[tuple[QueueConsumer, ...], list[str]]:
    """Return the consumers that are right, and notes; what is wrong is added to `mistakes`."""
    found, said = list[QueueConsumer](), list[str]()
    place = f"{section.place('queues')}.consumers"
    table = as_table(section.keys.get("queues")) or {}
    for key, row in rows(table.get("consumers"), place, _CONSUMER_FIX, mistakes):
        if row.get("type", "worker") != "worker":
            mistakes.add(f"{key}.type", f'should be "worker" but got {shown(row["type"])}.', "Leave it out.")
        elif (consumer := described(QueueConsumer, row, key, _CONSUMER_FIX, mistakes)) is not None:
            _check(consumer, found, key, mistakes)
            found.append(consumer)
            said += notes.on_unknown(row, _CONSUMER, prefix=f"{key}.")
            if "visibility_timeout_ms" in row:
                said.append(f'{key}.visibility_timeout_ms: has no effect here: the setting "lease" counts')
    return tuple(found), said


def _check(consumer: QueueConsumer, others: list[QueueConsumer], key: str, mistakes: Mistakes) -> None:
    if any(consumer.queue == other.queue for other in others):
        mistakes.add(f"{key}.queue", f'the queue "{consumer.queue}" is consumed twice.', "Remove one of the consumers.")
    if consumer.dead_letter_queue == consumer.queue:
        mistakes.add(
            f"{key}.dead_letter_queue", f'the queue "{consumer.queue}" cannot take its own dead letters.',
            "Name another queue, or leave it out.",
        )  # fmt: skip


def _table(section: Section, mistakes: Mistakes) -> dict[str, object]:
    given = section.keys.get("queues", {})
    if (table := as_table(given)) is None:
        place = section.place("queues")
        mistakes.add(place, f'The field "{place}" should be an object but got {shown(given)}.', f"Write [{place}].")
        return {}
    return table

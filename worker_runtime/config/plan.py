"""The plan: what a configuration would start, in lines for people."""

from collections.abc import Iterator

from worker_runtime.config.model import (
    DEFAULT_ENTRYPOINT,
    AssetsConfig,
    D1Binding,
    QueueConsumer,
    ServiceBinding,
    ServiceConfig,
)
from worker_runtime.config.tables import shown
from worker_runtime.config.units import show_duration


def plan(config: ServiceConfig) -> list[str]:
    """Return lines that say what would start: service, main, bindings, variables, changed settings, notes.

    No line shows a secret.
    """
    return list(_lines(config))


def _lines(config: ServiceConfig) -> Iterator[str]:
    chosen = f" (environment {config.environment})" if config.environment else ""
    yield f"service {config.name}{chosen}"
    yield f"  file {config.file}"
    yield f"  main {config.main or 'none: it only has assets'}"
    for binding in config.bindings:
        yield f"  binding {_binding(binding)}"
    yield from _stores(config)
    for name, value in config.variables.items():
        yield f"  var {name} = {shown(value)}"
    for name in config.secrets:
        yield f"  secret {name} = ***"
    for name, value in config.settings.changed().items():
        yield f"  setting {name} = {value}"
    for note in config.notes:
        yield f"  note {note}"


def _stores(config: ServiceConfig) -> Iterator[str]:
    if config.assets is not None:
        yield f"  assets {_assets(config.assets)}"
    for database in config.databases:
        yield f"  database {_database(config, database)}"
    for namespace in config.kv_namespaces:
        yield f"  binding {namespace.binding} -> KV namespace {namespace.id}"
    for producer in config.queue_producers:
        delay = f" after {show_duration(producer.delivery_delay)}" if producer.delivery_delay else ""
        yield f"  binding {producer.binding} -> queue {producer.queue}{delay}"
    for consumer in config.queue_consumers:
        yield f"  queue {_consumer(consumer)}"


def _binding(binding: ServiceBinding) -> str:
    target = binding.service
    if binding.entrypoint != DEFAULT_ENTRYPOINT:
        target += f"#{binding.entrypoint}"
    return f"{binding.binding} -> {target}" + (f" props {shown(binding.props)}" if binding.props else "")


def _assets(assets: AssetsConfig) -> str:
    told = [f"html {assets.html_handling}", f"not found {assets.not_found_handling}"]
    if assets.run_worker_first:
        first = assets.run_worker_first
        told.append(f"worker first {'always' if first is True else ' '.join(first)}")
    return f"{assets.binding or '(no binding)'} -> {assets.directory} ({', '.join(told)})"


def _database(config: ServiceConfig, database: D1Binding) -> str:
    if database.service is not None:
        return f"{database.binding} -> {database.key!r} held by {database.service}#{database.entrypoint}"
    return f"{database.binding} -> {config.database_file(database)} migrations {database.pattern}"


def _consumer(consumer: QueueConsumer) -> str:
    size, retries = consumer.max_batch_size, consumer.max_retries
    delay = f" after {show_duration(consumer.retry_delay)}" if consumer.retry_delay else ""
    most = consumer.max_concurrency
    batches = "batches" if most is None else f"{most} {'batch' if most == 1 else 'batches'} at a time"
    dead = f"queue {consumer.dead_letter_queue}" if consumer.dead_letter_queue else "the dead letters"
    return (
        f"{consumer.queue}: {batches} of {size} messages, each filled for "
        f"{show_duration(consumer.max_batch_timeout)}; {retries} retries{delay}, then {dead}"
    )

"""Loading a service's configuration: everything that says what the service is, checked together."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from worker_runtime.config import names
from worker_runtime.config.assets import assets_config
from worker_runtime.config.databases import databases
from worker_runtime.config.environments import Section, select
from worker_runtime.config.kv import kv_bindings
from worker_runtime.config.main_file import main_file
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.model import (
    AssetsConfig,
    D1Binding,
    KVBinding,
    QueueConsumer,
    QueueProducer,
    ServiceBinding,
    ServiceConfig,
    service_name,
)
from worker_runtime.config.queues import queue_consumers, queue_producers
from worker_runtime.config.reading import find, read
from worker_runtime.config.secrets import secrets
from worker_runtime.config.services import service_bindings
from worker_runtime.config.settings import Settings
from worker_runtime.config.tables import as_table, not_json, shown


def load(
    path: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, object] | None = None,
    process_environment: Mapping[str, str],
    flags: Mapping[str, str | None] | None = None,
) -> ServiceConfig:
    """Return the configuration of the service at `path`; nothing is imported and nothing starts.

    Args:
        path: A configuration file, or a folder with exactly one `wrangler.toml`, `wrangler.jsonc` or `wrangler.json`.
        environment: The `[env.NAME]` to use.
        variables: Variables of the command line; they replace variables and secrets of the same name.
        process_environment: The environment of the process: `CALLYARD_*` twins, and declared secrets.
        flags: Settings of the command line by name, such as "max_message_bytes"; None means not given.

    Raises:
        ConfigurationError: Something is wrong; one line for each mistake names the file, the key and the fix.
    """
    file = find(path).absolute()
    section = select(read(file), environment, file=file)
    mistakes = Mistakes(file)
    settings = _settings(section, process_environment, flags or {}, mistakes)
    name = _name(section, mistakes)
    main = main_file(section, file.parent, mistakes)
    bound = _bound(section, file.parent, main, mistakes)
    plain, private = _values(section, file.parent, variables or {}, process_environment, mistakes)
    mistakes.check()
    return ServiceConfig(
        name=name,
        main=main,
        directory=file.parent,
        file=file,
        variables=plain,
        secrets=private,
        bindings=bound.services,
        assets=bound.assets,
        databases=bound.databases,
        kv_namespaces=bound.namespaces,
        queue_producers=bound.producers,
        queue_consumers=bound.consumers,
        settings=settings,
        notes=(*section.notes, *bound.notes),
        environment=section.environment,
    )


class _Bound(NamedTuple):
    """What the service is bound to, and what is to be said about that."""

    services: tuple[ServiceBinding, ...]
    assets: AssetsConfig | None
    databases: tuple[D1Binding, ...]
    namespaces: tuple[KVBinding, ...]
    producers: tuple[QueueProducer, ...]
    consumers: tuple[QueueConsumer, ...]
    notes: tuple[str, ...]


def _bound(section: Section, folder: Path, main: Path | None, mistakes: Mistakes) -> _Bound:
    services, notes = service_bindings(section, mistakes)
    assets, of_assets = assets_config(section, folder, main, mistakes)
    held, of_databases = databases(section, folder, mistakes)
    namespaces, of_namespaces = kv_bindings(section, mistakes)
    producers, of_producers = queue_producers(section, mistakes)
    consumers, of_consumers = queue_consumers(section, mistakes)
    said = (*notes, *of_assets, *of_databases, *of_namespaces, *of_producers, *of_consumers)
    return _Bound(services, assets, held, namespaces, producers, consumers, said)


def _values(
    section: Section,
    folder: Path,
    given: Mapping[str, object],
    process_environment: Mapping[str, str],
    mistakes: Mistakes,
) -> tuple[dict[str, object], dict[str, str]]:
    """The variables and the secrets.

    Secrets replace variables of the same name, and what the command line gave replaces both; a secret stays one.
    """
    private = secrets(section, folder, given=given, process_environment=process_environment, mistakes=mistakes)
    plain = {key: value for key, value in {**_variables(section, mistakes), **given}.items() if key not in private}
    names.check_unique(section, plain, private, mistakes)
    return plain, private


def _settings(
    section: Section, process_environment: Mapping[str, str], flags: Mapping[str, str | None], mistakes: Mistakes
) -> Settings:
    given = section.keys.get("callyard", {})
    if (table := as_table(given)) is None:
        mistakes.add("callyard", f"should be a table but got {shown(given)}.", "Write [callyard].")
    return Settings.collect(table or {}, environment=process_environment, flags=flags, mistakes=mistakes)


def _name(section: Section, mistakes: Mistakes) -> str:
    name = section.keys.get("name")
    if not isinstance(name, str):
        problem = "is missing." if name is None else f"should be a string but got {shown(name)}."
        mistakes.add("name", problem, 'Write name = "my-service".')
        return ""
    try:
        return service_name(name)
    except ValueError as error:
        mistakes.add("name", f"{error}.", "Choose another name.")
        return ""


def _variables(section: Section, mistakes: Mistakes) -> dict[str, object]:
    place, given = section.place("vars"), section.keys.get("vars", {})
    if (table := as_table(given)) is None:
        mistakes.add(place, f'The field "{place}" should be an object but got {shown(given)}.', "Write [vars].")
        return {}
    for key, nature in not_json(table, place):
        mistakes.add(key, f"should be a JSON value but got {nature}.", "Write it as text.")
    return table

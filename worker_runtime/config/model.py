"""What a configuration says, validated: the service, its bindings, and the rules that names follow."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from worker_runtime.assets.html import HtmlHandling, NotFoundHandling
from worker_runtime.config.settings import Settings

DEFAULT_ENTRYPOINT = "Default"
_LONGEST_STEM = 200
LONGEST_DELAY = 43_200
"""Seconds that a message of a queue may be held back: twelve hours."""
_SERVICE_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}", re.ASCII)


def service_name(name: str) -> str:
    """Return the name of a service.

    Raises:
        ValueError: It is not 1 to 63 letters, digits, dashes and underscores.
    """
    if not _SERVICE_NAME.fullmatch(name):
        raise ValueError(f'should be 1 to 63 letters, digits, "-" and "_" but got {name!r}')
    return name


def entrypoint_name(name: str) -> str:
    """Return the name of an entrypoint class; "default" means the default one.

    Raises:
        ValueError: No public class can have that name.
    """
    if name == "default":
        return DEFAULT_ENTRYPOINT
    if not name.isidentifier() or name.startswith("_"):
        raise ValueError(f"should be the name of a class that does not begin with an underscore but got {name!r}")
    return name


def binding_name(name: str) -> str:
    """Return the name of a binding.

    Raises:
        ValueError: It cannot stand behind `env.`.
    """
    if not name.isidentifier() or name.startswith("__"):
        raise ValueError(f"should be a name that can stand behind env. but got {name!r}")
    return name


def file_stem(key: str) -> str:
    """Return what a file is called after `key`, whatever characters that has; two keys never share a name."""
    name = quote(key, safe="", errors="surrogatepass")
    return name if len(name) <= _LONGEST_STEM else hashlib.sha256(name.encode()).hexdigest()


def store_name(name: str) -> str:
    """Return the name of a queue or of a KV namespace.

    Raises:
        ValueError: It is not 1 to 63 letters, digits, dashes and underscores.
    """
    return service_name(name)


class ServiceBinding(BaseModel):
    """A binding to another service: `env.BINDING` calls the entrypoint, which sees `props` as its `ctx.props`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    binding: Annotated[str, AfterValidator(binding_name)]
    service: Annotated[str, AfterValidator(service_name)]
    entrypoint: Annotated[str, AfterValidator(entrypoint_name)] = DEFAULT_ENTRYPOINT
    props: dict[str, Any] = Field(default_factory=dict[str, Any])


class AssetsConfig(BaseModel):
    """A directory of assets and how it is served; `run_worker_first` is a switch, or patterns of paths.

    Attributes:
        directory: The directory; it exists.
        binding: The name of its binding on `env`, or None.
        html_handling: How pages are found and which of their paths is canonical.
        not_found_handling: What answers where nothing else does.
        run_worker_first: Whether the service answers before the assets, or for which paths.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    directory: Path
    binding: Annotated[str, AfterValidator(binding_name)] | None = None
    html_handling: HtmlHandling = "auto-trailing-slash"
    not_found_handling: NotFoundHandling = "none"
    run_worker_first: bool | tuple[str, ...] = False


class D1Binding(BaseModel):
    """A binding to a D1 database: a file beside the configuration, or a service that holds it.

    Attributes:
        binding: The name on `env`.
        database_name: What people call the database.
        database_id: What the file is called; workers that share a database agree on it.
        migrations_table: The table that remembers which migrations were applied.
        migrations_dir: The folder of the migrations, relative to the configuration.
        migrations_pattern: Which files are migrations, relative to the configuration.
        service: The service that holds the database, where it is not a file here.
        entrypoint: The entrypoint of that service.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    binding: Annotated[str, AfterValidator(binding_name)]
    database_name: str = ""
    database_id: str = Field(default="", max_length=256)
    migrations_table: str = Field(default="d1_migrations", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
    migrations_dir: str = "migrations"
    migrations_pattern: str | None = None
    service: Annotated[str, AfterValidator(service_name)] | None = None
    entrypoint: Annotated[str, AfterValidator(entrypoint_name)] = "D1Service"

    @property
    def key(self) -> str:
        """What the database is known by: its ID, or its name where it has none."""
        return self.database_id or self.database_name or self.binding

    @property
    def pattern(self) -> str:
        """Which files are migrations."""
        return self.migrations_pattern or f"{self.migrations_dir}/*.sql"


class KVBinding(BaseModel):
    """A binding to a KV namespace; all that name the same `id` see the same entries."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    binding: Annotated[str, AfterValidator(binding_name)]
    id: Annotated[str, AfterValidator(store_name)]


class QueueProducer(BaseModel):
    """A binding that puts messages into a queue, each after `delivery_delay` seconds unless it says otherwise."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    binding: Annotated[str, AfterValidator(binding_name)]
    queue: Annotated[str, AfterValidator(store_name)]
    delivery_delay: Annotated[float, Field(ge=0, le=LONGEST_DELAY)] = 0


class QueueConsumer(BaseModel):
    """A queue whose messages the handler `queue` of the default entrypoint gets; times are seconds.

    Attributes:
        queue: The name of the queue.
        max_batch_size: Most messages that the handler gets at once.
        max_batch_timeout: How long a batch waits for more messages.
        max_retries: How often a message is tried again.
        dead_letter_queue: The queue that takes what failed too often; the dead-letter stream where None.
        max_concurrency: Most batches that all consumers together handle at a time; None leaves it to each process.
        retry_delay: How long a message waits before it is tried again, unless its retry says otherwise.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    queue: Annotated[str, AfterValidator(store_name)]
    max_batch_size: Annotated[int, Field(ge=1, le=100)] = 10
    max_batch_timeout: Annotated[float, Field(ge=0, le=60)] = 5
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    dead_letter_queue: Annotated[str, AfterValidator(store_name)] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=250)] | None = None
    retry_delay: Annotated[float, Field(ge=0, le=LONGEST_DELAY)] = 0


class ServiceConfig(BaseModel):
    """One service as its configuration file, the chosen environment, its secrets and the command line describe it.

    Attributes:
        name: The name that callers use.
        main: The Python file with the entrypoints; it exists. None where the service only has assets.
        directory: The folder of the configuration file, to which its paths are relative.
        file: The configuration file.
        variables: Plain values for `env`, verbatim.
        secrets: Secret values for `env`; left out where the configuration is shown.
        bindings: The services that `env` gives access to.
        assets: The assets, or None.
        databases: The D1 databases that `env` gives access to.
        kv_namespaces: The KV namespaces that `env` gives access to.
        queue_producers: The queues that `env` puts messages into.
        queue_consumers: The queues whose messages the service handles.
        settings: The settings of Callyard.
        notes: What a person should know, though it is no mistake.
        environment: The chosen `[env.NAME]`, or None.
        state: The folder of the files that workers keep, or None for `.callyard` beside the configuration.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    main: Path | None
    directory: Path
    file: Path
    variables: dict[str, Any] = Field(default_factory=dict[str, Any])
    secrets: dict[str, str] = Field(default_factory=dict[str, str], repr=False)
    bindings: tuple[ServiceBinding, ...] = ()
    assets: AssetsConfig | None = None
    databases: tuple[D1Binding, ...] = ()
    kv_namespaces: tuple[KVBinding, ...] = ()
    queue_producers: tuple[QueueProducer, ...] = ()
    queue_consumers: tuple[QueueConsumer, ...] = ()
    settings: Settings = Settings()
    notes: tuple[str, ...] = ()
    environment: str | None = None
    state: Path | None = None

    @property
    def callees(self) -> tuple[ServiceBinding, ...]:
        """Every binding that calls a service, those of databases that a service holds included."""
        held = (database for database in self.databases if database.service is not None)
        return self.bindings + tuple(
            ServiceBinding(binding=database.binding, service=database.service or "", entrypoint=database.entrypoint)
            for database in held
        )

    def database_file(self, database: D1Binding) -> Path:
        """Return the file of a database that is held here."""
        kept = self.directory / ".callyard" if self.state is None else self.state
        return kept / "d1" / f"{file_stem(database.key)}.sqlite"

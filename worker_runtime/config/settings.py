"""The settings of the `[callyard]` table, each with a flag `--x-y` and an environment twin `CALLYARD_X_Y`."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from worker_runtime.config.mistakes import Mistakes, reasons
from worker_runtime.config.units import (
    parse_address,
    parse_count,
    parse_duration,
    parse_size,
    parse_switch,
    show_address,
    show_duration,
    show_size,
    show_switch,
)

LARGEST_MESSAGE = 32 << 20
_LONGEST = 366 * 86400.0


class _Shown(NamedTuple):
    show: Callable[[Any], str]


Duration = Annotated[float, BeforeValidator(parse_duration), _Shown(show_duration)]
Size = Annotated[int, BeforeValidator(parse_size), _Shown(show_size)]
Count = Annotated[int, BeforeValidator(parse_count), _Shown(str)]
Listen = Annotated[str, BeforeValidator(parse_address), _Shown(show_address)]
Switch = Annotated[bool, BeforeValidator(parse_switch), _Shown(show_switch)]
Name = Annotated[str, _Shown(str)]


class SettingFlag(NamedTuple):
    """How one setting is given on the command line and in the environment.

    Attributes:
        flag: The flag, such as "--max-message-bytes".
        variable: The environment twin, such as "CALLYARD_MAX_MESSAGE_BYTES".
        default: The default as a person would write it, such as "1MiB".
        description: What the setting does, for the help text.
    """

    flag: str
    variable: str
    default: str
    description: str


class Settings(BaseModel):
    """The settings of a service; durations are seconds, sizes are bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: Count = Field(
        default=100, ge=1, le=100_000, description="calls that one process runs at the same time"
    )
    processes: Count = Field(default=1, ge=1, le=1024, description="worker processes to start")
    lease: Duration = Field(
        default=15.0, ge=0.1, le=_LONGEST, description="time after which calls of a dead worker move on"
    )
    retries: Count = Field(
        default=3, ge=0, le=1000, description="deliveries after the first that a lost worker may cost a call"
    )
    backlog: Count = Field(
        default=100_000, ge=1, description="calls queued and running at which the service refuses more"
    )
    grace: Duration = Field(
        default=30.0, ge=0, le=_LONGEST, description="time that running calls get to end after a signal"
    )
    timeout: Duration = Field(default=60.0, gt=0, le=_LONGEST, description="deadline of calls whose caller sets none")
    wait_until_limit: Duration = Field(
        default=900.0, ge=0, le=_LONGEST, description="time that waitUntil tasks may take"
    )
    idempotency_window: Duration = Field(
        default=86400.0, gt=0, le=_LONGEST, description="time that the reply to an idempotency key is replayed"
    )
    max_message_bytes: Size = Field(
        default=1 << 20, ge=1024, le=LARGEST_MESSAGE, description="largest call or reply, at most 32MiB"
    )
    prefix: Name = Field(
        default="callyard",
        pattern=r"^[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)*$",
        max_length=64,
        description="first part of every key in Redis",
    )
    inline: Switch = Field(default=False, description="run plain def methods on the event loop instead of in threads")
    traceback: Switch = Field(default=False, description="send tracebacks of exceptions to callers")
    validation: Annotated[Literal["lax", "strict"], _Shown(str)] = Field(
        default="lax", description="lax converts values to what annotations ask for, strict refuses what does not fit"
    )
    validate_results: Switch = Field(default=True, description="check results against annotations as arguments are")
    service_version: Annotated[str, _Shown(str)] = Field(
        default="", max_length=128, description="version of the service, shown to callers (else its distribution's)"
    )
    connect_timeout: Duration = Field(default=10.0, gt=0, le=_LONGEST, description="time to reach Redis at the start")
    health: Listen = Field(default="", description="HOST:PORT that answers /ready and /live")

    @classmethod
    def resolve(
        cls,
        table: Mapping[str, object],
        *,
        environment: Mapping[str, str],
        flags: Mapping[str, str | None],
        file: Path | None,
    ) -> Self:
        """Return the settings: a flag goes before the environment, the environment before the table.

        Args:
            table: The `[callyard]` table.
            environment: The process environment; only the names of settings are looked at.
            flags: Flags by the name of their setting, such as "max_message_bytes"; None means not given.
            file: The file that the table stands in.

        Raises:
            ConfigurationError: A value is wrong, or the table has a key that is no setting; one line for each.
        """
        mistakes = Mistakes(file)
        settings = cls.collect(table, environment=environment, flags=flags, mistakes=mistakes)
        mistakes.check()
        return settings

    @classmethod
    def collect(
        cls,
        table: Mapping[str, object],
        *,
        environment: Mapping[str, str],
        flags: Mapping[str, str | None],
        mistakes: Mistakes,
    ) -> Self:
        """Return the settings as `resolve` does, or the defaults after adding to `mistakes` what is wrong."""
        _refuse_unknown(table, cls.model_fields, mistakes)
        values: dict[str, object] = {}
        twins: dict[str, str] = {}
        for name in cls.model_fields:
            if (given := flags.get(name)) is not None:
                values[name], twins[name] = given, _flag(name)
            elif (given := environment.get(_variable(name))) is not None:
                values[name], twins[name] = given, _variable(name)
            elif name in table:
                values[name] = table[name]
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            _explain(error, values, twins, mistakes)
            return cls()

    @classmethod
    def flags(cls) -> list[SettingFlag]:
        """Return the flag, the environment twin, the default and the description of every setting."""
        defaults = cls()
        return [
            SettingFlag(_flag(name), _variable(name), defaults.shown(name), field.description or "")
            for name, field in cls.model_fields.items()
        ]

    def shown(self, name: str) -> str:
        """Return the value of a setting as a person would write it."""
        show = next(mark.show for mark in type(self).model_fields[name].metadata if isinstance(mark, _Shown))
        return show(getattr(self, name))

    def changed(self) -> dict[str, str]:
        """Return the settings that differ from their defaults, as a person would write them."""
        defaults = type(self)()
        return {
            name: self.shown(name) for name in type(self).model_fields if getattr(self, name) != getattr(defaults, name)
        }


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return "CALLYARD_" + name.upper()


def _refuse_unknown(table: Mapping[str, object], known: Mapping[str, object], mistakes: Mistakes) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            fix = f'Did you mean "{close[0]}"?' if close else f"The settings are {', '.join(known)}."
            mistakes.add(f"callyard.{key}", "no such setting.", fix)


def _explain(
    error: ValidationError, values: Mapping[str, object], twins: Mapping[str, str], mistakes: Mistakes
) -> None:
    defaults = Settings()
    for name, kind, reason in reasons(error):
        problem = reason if kind == "value_error" else f"{reason} but got {values[name]!r}"
        fix = f"Leave it out for the default, {defaults.shown(name)}."
        if name in twins:
            mistakes.add_elsewhere(twins[name], f"{problem}.", fix)
        else:
            mistakes.add(f"callyard.{name}", f"{problem}.", fix)

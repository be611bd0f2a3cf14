"""Secrets: from `.dev.vars` beside the configuration and from the process environment."""

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.tables import as_list, as_table


def secrets(
    section: Section,
    directory: Path,
    *,
    given: Mapping[str, object],
    process_environment: Mapping[str, str],
    mistakes: Mistakes,
) -> dict[str, str]:
    """Return the secrets: those of `.dev.vars` and those declared as required.

    The process environment is asked only for these names, and wins. With an environment NAME, `.dev.vars.NAME` is read
    in place of `.dev.vars` where it exists.

    Args:
        section: The chosen section of the configuration.
        directory: The folder of the configuration.
        given: Variables of the command line; one with the name of a secret is the value of that secret.
        process_environment: The environment of the process.
        mistakes: Where to add what is wrong, such as a required secret without a value.
    """
    file = _file(directory, section.environment)
    found = _read(file, mistakes) if file.is_file() else {}
    required = _required(section, mistakes)
    for name in (*found, *required):
        if name in process_environment:
            found[name] = process_environment[name]
    for name in {*found, *required} & given.keys():
        # A test may put something else than a text in the place of a secret.
        value = given[name]
        if isinstance(value, str):
            found[name] = value
        else:
            found.pop(name, None)
    for name in required:
        if name not in found and name not in given:
            fix = f"Write {name}=… into {file.name} or set the environment variable {name}."
            mistakes.add(section.place("secrets.required"), f'no value for the secret "{name}".', fix)
    return found


def _file(directory: Path, environment: str | None) -> Path:
    plain = directory / ".dev.vars"
    special = directory / f".dev.vars.{environment}"
    return special if environment and special.is_file() else plain


def _read(file: Path, mistakes: Mistakes) -> dict[str, str]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        mistakes.add("", f"cannot be read: {error.strerror}.", file=file)
        return {}
    except UnicodeDecodeError as error:
        mistakes.add("", f"byte {error.start} is not UTF-8.", "Save the file as UTF-8.", file=file)
        return {}
    found: dict[str, str] = {}
    for line in parse_stream(io.StringIO(text)):
        if line.error or (line.key is not None and line.value is None):
            # What stands in the line may be a secret, so only its number is shown.
            mistakes.add("", "not a secret.", "Write KEY=value.", file=Path(f"{file}:{_number(line.original)}"))
        elif line.key is not None and line.value is not None:
            found[line.key] = line.value
    return found


def _number(original: tuple[str, int]) -> int:
    # The parser counts the empty lines before an entry as part of it.
    text, line = original
    return line + text[: len(text) - len(text.lstrip())].count("\n")


def _required(section: Section, mistakes: Mistakes) -> list[str]:
    given = section.keys.get("secrets", {})
    names = as_list((as_table(given) or {}).get("required", []))
    if as_table(given) is None or names is None or not all(isinstance(name, str) and name for name in names):
        # What was written in its place may be the secret itself.
        problem = "should be a table with a list of names."
        mistakes.add(section.place("secrets"), problem, 'Write secrets = { required = ["API_KEY"] }.')
        return []
    return [str(name) for name in names]

"""Finding the configuration file and reading its format."""

import re
import tomllib
from pathlib import Path

from broker.errors import ConfigurationError
from worker_runtime.config import jsonc
from worker_runtime.config.mistakes import refuse
from worker_runtime.config.tables import as_table

FILE_NAMES = ("wrangler.toml", "wrangler.jsonc", "wrangler.json")


def find(path: Path) -> Path:
    """Return the configuration file that `path` names: the file itself, or the only one in that folder.

    Raises:
        ConfigurationError: There is none, there are several, or the file is of no known format.
    """
    if path.is_dir():
        return _only_file(path)
    if not path.is_file():
        raise refuse(path, "no such file or folder.", f"Create it, or name a folder with a {_listed(FILE_NAMES)}.")
    if path.suffix not in {".toml", ".jsonc", ".json"}:
        raise refuse(path, "a configuration ends in .toml, .jsonc or .json.", "Rename it, or name another file.")
    return path


def read(file: Path) -> dict[str, object]:
    """Return the top-level table of a configuration file.

    Raises:
        ConfigurationError: The file cannot be read or does not follow its format; the message has line and column.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise refuse(file, f"cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise refuse(file, f"byte {error.start} is not UTF-8.", "Save the file as UTF-8.") from error
    return _toml(file, text) if file.suffix == ".toml" else _jsonc(file, text)


def _only_file(folder: Path) -> Path:
    present = [folder / name for name in FILE_NAMES if (folder / name).is_file()]
    if not present:
        raise refuse(folder, "no configuration here.", 'Create a wrangler.toml with name = "…" and main = "….py".')
    if len(present) > 1:
        names = _listed(tuple(file.name for file in present), "and")
        raise refuse(folder, f"several configurations: {names}.", "Keep one, or name the file to use.")
    return present[0]


def _listed(names: tuple[str, ...], last: str = "or") -> str:
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _toml(file: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise refuse(file, "not valid TOML: nested too deeply.") from None
    except ValueError as error:
        raise _syntax_error(file, text, str(error)) from None


def _syntax_error(file: Path, text: str, message: str) -> ConfigurationError:
    # tomllib tells the place only inside its message in the Python versions before 3.14.
    if place := re.search(r" \(at line (\d+), column (\d+)\)$", message):
        return refuse(f"{file}:{place[1]}:{place[2]}", f"not valid TOML: {message[: place.start()]}.")
    if message.endswith("(at end of document)"):
        lines = text.split("\n")
        message = message.removesuffix(" (at end of document)")
        return refuse(f"{file}:{len(lines)}:{len(lines[-1]) + 1}", f"not valid TOML: {message} at the end of the file.")
    return refuse(file, f"not valid TOML: {message}.")


def _jsonc(file: Path, text: str) -> dict[str, object]:
    try:
        document = as_table(jsonc.loads(text))
    except jsonc.JsoncError as error:
        place = f"{file}:{error.line}:{error.column}" if error.line else file
        raise refuse(place, f"not valid JSON with comments: {error}.") from None
    if document is None:
        raise refuse(file, "the file should hold one object.", 'Begin with {"name": "…", "main": "….py"}.')
    return document

"""Importing the module of a service from its file, and saying where in it a mistake is."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Final

from broker.errors import ConfigurationError

_folders: Final[set[Path]] = set()


def import_file(file: Path, name: str) -> ModuleType:
    """Import *file* as the module *name*; the folder of *file* stays first in `sys.path`.

    Modules of the same names that belong to the folder of another service are left to that service.

    Raises:
        ConfigurationError: Importing it failed; the message says where and why.
    """
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{file}: this is not a Python module.", file=str(file), key="main")
    _enter(file.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise mistake_in(str(file), error) from error
        raise
    return module


def mistake_in(origin: str, error: BaseException) -> ConfigurationError:
    """One clear line about *error*, which importing *origin* raised: file, line, type and text."""
    file, line = _place(origin, error)
    text = str(error.msg if isinstance(error, SyntaxError) else error)
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    shown = " ".join(what.split())
    return ConfigurationError(f"{file}:{line}: {shown}" if line else f"{file}: {shown}", file=file)


def _place(origin: str, error: BaseException) -> tuple[str, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    folder = str(Path(origin).parent)
    frames = traceback.extract_tb(error.__traceback__)
    # A mistake that shows in a library was made where the service called it.
    own = [frame for frame in frames if Path(origin).suffix and frame.filename.startswith(folder)]
    if own:
        return own[-1].filename, own[-1].lineno
    return origin, None


def _enter(folder: Path) -> None:
    path = str(folder)
    if path in sys.path:
        sys.path.remove(path)
    sys.path.insert(0, path)
    for other in _folders - {folder}:
        _set_aside(other, folder)
    _folders.add(folder)
    importlib.invalidate_caches()


def _set_aside(other: Path, folder: Path) -> None:
    """Forget modules of *other* that would be taken for modules of the same name in *folder*."""
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        foreign = file and Path(file).is_relative_to(other) and not Path(file).is_relative_to(folder)
        if foreign and ((folder / f"{top}.py").is_file() or (folder / top).is_dir()):
            del sys.modules[name]

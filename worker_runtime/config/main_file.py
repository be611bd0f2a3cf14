"""The `main` of a configuration: the Python file that holds the service."""

from pathlib import Path

from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.tables import shown

_SCRIPTS = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts"})

CONVENTIONAL = ("src/entry.py", "src/index.py", "entry.py", "index.py")
"""Where the service of a configuration without `main` is looked for, as the seed's samples have none in places."""


def main_file(section: Section, directory: Path, mistakes: Mistakes) -> Path | None:
    """Return the file that `main` names; a script of the original system stands for the `.py` of the same stem.

    Without `main`, a service that has assets has nothing else, and the result is None; any other is in the one file
    of a conventional name that exists. What is wrong is added to `mistakes`, and the result then means nothing.
    """
    main = section.keys.get("main")
    if main is None:
        return None if "assets" in section.keys else _conventional(directory, mistakes)
    if not isinstance(main, str) or not main:
        mistakes.add("main", f"should be the path of a file but got {shown(main)}.", 'Write main = "src/service.py".')
        return directory
    named = directory / main
    python = named.with_suffix(".py") if named.suffix in _SCRIPTS else named
    if python.suffix != ".py":
        mistakes.add("main", f"should be a Python file but got {shown(main)}.", 'Write main = "src/service.py".')
    elif not python.is_file():
        beside = "" if python == named else f", and no {python.name} beside it"
        mistakes.add("main", f"no file {shown(main)}{beside}.", f"Create {python}, or correct main.")
    return python.resolve()


def _conventional(directory: Path, mistakes: Mistakes) -> Path:
    found = [name for name in CONVENTIONAL if (directory / name).is_file()]
    if len(found) == 1:
        return (directory / found[0]).resolve()
    if found:
        mistakes.add("main", f"is missing, and there are {' and '.join(found)}.", f'Write main = "{found[0]}".')
    else:
        mistakes.add("main", f"is missing, and there is no {CONVENTIONAL[0]}.", 'Write main = "src/service.py".')
    return directory

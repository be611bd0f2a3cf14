"""The `main` of a configuration: the Python file that holds the service."""

from pathlib import Path

from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.tables import shown

_SCRIPTS = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts"})


def main_file(section: Section, directory: Path, mistakes: Mistakes) -> Path | None:
    """Return the file that `main` names; a script of the original system stands for the `.py` of the same stem.

    None means that there is no `main`, which a service that has assets may leave out. What is wrong is added to
    `mistakes`, and the result then means nothing.
    """
    main = section.keys.get("main")
    if main is None and "assets" in section.keys:
        return None
    if not isinstance(main, str) or not main:
        problem = "is missing." if main is None else f"should be the path of a file but got {shown(main)}."
        mistakes.add("main", problem, 'Write main = "src/service.py".')
        return directory
    named = directory / main
    python = named.with_suffix(".py") if named.suffix in _SCRIPTS else named
    if python.suffix != ".py":
        mistakes.add("main", f"should be a Python file but got {shown(main)}.", 'Write main = "src/service.py".')
    elif not python.is_file():
        beside = "" if python == named else f", and no {python.name} beside it"
        mistakes.add("main", f"no file {shown(main)}{beside}.", f"Create {python}, or correct main.")
    return python.resolve()

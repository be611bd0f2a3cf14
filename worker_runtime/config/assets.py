"""The `assets` table: a directory of static files, and how it is served."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from broker.errors import ConfigurationError
from worker_runtime.assets import routing
from worker_runtime.assets.header_rules import parse_headers
from worker_runtime.assets.html import HtmlHandling, NotFoundHandling
from worker_runtime.assets.ignoring import ignoring
from worker_runtime.assets.redirects import parse_redirects
from worker_runtime.assets.survey import rule_file, survey
from worker_runtime.config import notes
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes, reasons
from worker_runtime.config.model import AssetsConfig
from worker_runtime.config.tables import as_list, as_table, shown

_CHOICES = {"html_handling": get_args(HtmlHandling), "not_found_handling": get_args(NotFoundHandling)}
_FIX = 'Write directory = "./public".'


def assets_config(
    section: Section, directory: Path, main: Path | None, mistakes: Mistakes
) -> tuple[AssetsConfig | None, list[str]]:
    """Return the assets of a service, if it has any, and notes; what is wrong is added to `mistakes`.

    Args:
        section: The chosen section of the configuration.
        directory: The folder of the configuration.
        main: The file of the service, or None where it only has assets.
        mistakes: Where to add what is wrong.
    """
    given = section.keys.get("assets")
    if "assets" not in section.keys:
        return None, []
    if (table := as_table(given)) is None:
        mistakes.add("assets", f'The field "assets" should be an object but got {shown(given)}.', f"{_FIX}")
        return None, []
    before = len(mistakes.found)
    folder = _directory(table, directory, mistakes)
    first = _first(table, main, mistakes)
    if main is None and table.get("binding") is not None:
        problem = "a service that only has assets has no code to use the binding."
        mistakes.add("assets.binding", problem, "Remove it, or set main.")
    config = _validated({**table, "directory": folder, "run_worker_first": first}, table, mistakes)
    if config is None or len(mistakes.found) > before:
        return None, []
    said = list(notes.on_unknown(table, AssetsConfig.model_fields, prefix="assets."))
    if first is True and config.binding is None:
        said.append("assets: run_worker_first without a binding: the service has no way to its assets")
    return config, said + _look_into(config, main, mistakes)


def _directory(table: Mapping[str, object], base: Path, mistakes: Mistakes) -> Path:
    given = table.get("directory")
    if not isinstance(given, str) or not given:
        problem = "is missing." if given is None else f"should be the path of a directory but got {shown(given)}."
        mistakes.add("assets.directory", problem, _FIX)
        return base
    folder = base / given
    if not folder.is_dir():
        problem = f"{shown(given)} is a file." if folder.exists() else f"no directory {shown(given)}."
        mistakes.add("assets.directory", problem, f"Create {folder}, or correct the path.")
    return folder.resolve()


def _first(table: Mapping[str, object], main: Path | None, mistakes: Mistakes) -> bool | tuple[str, ...]:
    key, given = "assets.run_worker_first", table.get("run_worker_first", False)
    rules = as_list(given)
    if rules is None and not isinstance(given, bool):
        mistakes.add(key, f"should be true, false or a list of rules but got {shown(given)}.", 'Write ["/api/*"].')
        return False
    if given is not False and main is None:
        mistakes.add(key, "there is no service to run first.", "Remove it, or set main.")
    if rules is None:
        return given is True
    if any(not isinstance(rule, str) for rule in rules):
        mistakes.add(key, f"should be a list of texts but got {shown(given)}.", 'Write ["/api/*"].')
        return False
    patterns = tuple(map(str, rules))
    for problem in routing.mistakes(patterns):
        mistakes.add(key, problem, 'Write rules such as "/api/*" and "!/api/docs/*".')
    return patterns


def _validated(values: dict[str, object], table: Mapping[str, object], mistakes: Mistakes) -> AssetsConfig | None:
    try:
        return AssetsConfig.model_validate(values)
    except ValidationError as error:
        for field, kind, reason in reasons(error):
            if field in _CHOICES:
                choices = ", ".join(f'"{choice}"' for choice in _CHOICES[field])
                mistakes.add(f"assets.{field}", f"should be one of {choices} but got {shown(table[field])}.")
            elif kind == "value_error":
                mistakes.add(f"assets.{field}", f"{reason}.")
            else:
                problem = f"should be a string but got {shown(table[field])}."
                mistakes.add(f"assets.{field}", problem, 'Write binding = "ASSETS".')
        return None


def _look_into(config: AssetsConfig, main: Path | None, mistakes: Mistakes) -> list[str]:
    """Notes on what the directory holds; what cannot be served is added to `mistakes`."""
    folder, said = config.directory, list[str]()
    html_handled = config.html_handling != "none"
    try:
        is_ignored = ignoring(rule_file(folder, ".assetsignore"))
        _, redirects = parse_redirects(rule_file(folder, "_redirects"), html_handled=html_handled)
        _, headers = parse_headers(rule_file(folder, "_headers"))
        found = survey(folder, is_ignored, main)
    except ConfigurationError as error:
        mistakes.add("", str(error), error.fix or "", file=folder / ".assetsignore")
        return []
    except OSError as error:
        mistakes.add("assets.directory", f"{error.filename} cannot be read: {error.strerror}.")
        return []
    for problem, fix in found.problems:
        mistakes.add("assets.directory", problem, fix)
    said += [f"{folder / '_redirects'}: {line}: left out" for line in redirects]
    said += [f"{folder / '_headers'}: {line}: left out" for line in headers]
    return said + [f"{folder / link}: leads out of the directory: not served" for link in found.links_out]

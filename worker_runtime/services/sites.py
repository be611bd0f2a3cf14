"""What the configuration of a service says of its assets, made into what answers: the site, and the front before it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from worker_runtime.assets.front import Front
from worker_runtime.assets.html import HtmlHandling, NotFoundHandling
from worker_runtime.assets.paths import RULE_FILES
from worker_runtime.assets.routing import Routing
from worker_runtime.assets.site import Site
from worker_runtime.config import AssetsConfig, ServiceConfig

_Stamp = tuple[int, int]


def front_of(config: ServiceConfig) -> Front | None:
    """The front of the service that *config* describes; None where it has no assets.

    Raises: as `Site.open`.
    """
    if config.assets is None:
        return None
    routing = Routing(config.assets.run_worker_first)
    return Front(site_of(config.assets), routing, has_service=config.main is not None)


def site_of(config: AssetsConfig) -> Site:
    """The site that *config* describes: one for each process, as long as its rules stay as they are.

    Raises: as `Site.open`.
    """
    root = config.directory
    stamps = tuple(_stamp(root / name) for name in sorted(RULE_FILES))
    return _opened(root, config.html_handling, config.not_found_handling, stamps)


@lru_cache(maxsize=64)
def _opened(root: Path, html: HtmlHandling, not_found: NotFoundHandling, _stamps: tuple[_Stamp | None, ...]) -> Site:
    return Site.open(root, html, not_found)


def _stamp(file: Path) -> _Stamp | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size

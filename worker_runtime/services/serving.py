"""A service together with what its calls get: its environment, its settings, its keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from broker.keys import ServiceKeys
from client.calling.caller import Caller
from client.session.running import Runner
from worker_runtime.config import Settings
from worker_runtime.services.service import Service


@dataclass(frozen=True, slots=True)
class Serving:
    """One service as this process serves it."""

    service: Service
    env: Any = field(repr=False)
    exports: Any = field(repr=False)
    settings: Settings
    keys: ServiceKeys
    caller: Caller = field(repr=False)
    runner: Runner = field(repr=False)

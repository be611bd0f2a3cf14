"""The configuration of a service: `wrangler.toml` or `wrangler.jsonc`, its secrets, and the settings of Callyard."""

from worker_runtime.config.loading import load
from worker_runtime.config.model import AssetsConfig, D1Binding, QueueConsumer, ServiceBinding, ServiceConfig
from worker_runtime.config.plan import plan
from worker_runtime.config.reading import find
from worker_runtime.config.settings import SettingFlag, Settings

__all__ = [
    "AssetsConfig",
    "D1Binding",
    "QueueConsumer",
    "ServiceBinding",
    "ServiceConfig",
    "SettingFlag",
    "Settings",
    "find",
    "load",
    "plan",
]

"""From the configuration of a service to the service: importing its module as its code expects it."""

from __future__ import annotations

from broker.errors import ConfigurationError
from broker.methods.checking import Checking
from worker_runtime.config import ServiceConfig, Settings
from worker_runtime.env.overriding import patch_env
from worker_runtime.masking import mask_of
from worker_runtime.services.service import Service, load_service
from worker_runtime.services.sites import front_of


def load_configured(config: ServiceConfig) -> Service:
    """Import the module of *config* and serve its entrypoints.

    Meanwhile `from workers import env` gives the variables and secrets of the service, so that code at the top of the
    module can read them; bindings are for calls.

    Raises:
        ConfigurationError: See `load_service`. The message shows no secret, whatever the module raised.
    """
    values = {**config.variables, **config.secrets}
    try:
        with patch_env({name: value for name, value in values.items() if name.isidentifier() and name[:2] != "__"}):
            checking = checking_of(config.settings)
            return load_service(config.name, config.main, config.directory, front_of(config), checking)
    except ConfigurationError as error:
        text = mask_of([config]).text(str(error))
        if text == str(error):
            raise
        raise ConfigurationError(text, file=error.file, key=error.key) from None


def checking_of(settings: Settings) -> Checking:
    """How *settings* want the arguments and results of methods to be checked."""
    return Checking(strict=settings.validation == "strict", results=settings.validate_results)

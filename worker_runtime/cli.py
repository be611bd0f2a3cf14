"""The command line `python -m worker_runtime`: arguments, the plan, and how it ends."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from broker.embedded import EmbeddedBroker
from broker.errors import BrokerUnavailable, ConfigurationError, RpcError
from broker.failures import mask_with
from broker.link import Address
from worker_runtime.config import ServiceConfig, Settings, load, plan
from worker_runtime.d1 import cli as d1
from worker_runtime.exits import CHILD, RELOADED, Exit, say, wait_for_go
from worker_runtime.masking import Mask, MaskingFormatter, log_what_python_says, mask_of
from worker_runtime.process.pool import run_worker
from worker_runtime.process.supervisor import supervise
from worker_runtime.process.worker import Plan
from worker_runtime.queues.handler import check_handlers
from worker_runtime.services.configured import checking_of, load_configured
from worker_runtime.services.service import Service, load_object

if TYPE_CHECKING:
    from worker_runtime.dev.gateway import DevGateway
    from worker_runtime.invoking.observing import Observer
    from worker_runtime.process.gateway import PoolGateway
    from worker_runtime.process.health import Health

DEV: Final = "dev"
"""The command for developers: what follows is embedded, reloaded and logged."""
DEV_HTTP: Final = "127.0.0.1:8787"
"""Where `dev` serves HTTP."""

_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"
_DEFAULT_URL: Final = "redis://localhost:6379"
_URL_VARIABLE: Final = "BROKER_URL"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; every mistake is one clear line on standard error."""
    if d1.asked_for(words := list(sys.argv[1:] if arguments is None else arguments)):
        return d1.main(words[1:])
    given = _parser().parse_intermixed_args(words)
    logging.basicConfig(level=logging.DEBUG if given.verbose else logging.WARNING, format=_LOG_FORMAT)
    try:
        return _run(given, words)
    except ConfigurationError as error:
        return _fail(error, Exit.CONFIGURATION)
    except BrokerUnavailable as error:
        return _fail(error, Exit.NO_REDIS)
    except RpcError as error:
        return _fail(error, Exit.CRASHED)
    except KeyboardInterrupt:
        return Exit.GRACE_EXCEEDED


def _fail(error: RpcError, code: Exit) -> int:
    for line in str(error).splitlines():
        say(f"error: {line}", sys.stderr)
    return code


def _run(given: argparse.Namespace, arguments: list[str]) -> int:
    if given.targets[:1] == [DEV]:
        _develop(given)
    if given.reload and RELOADED not in os.environ and not given.check:
        return _reload(given, arguments)
    if RELOADED in os.environ:
        if not _wait_in_reserve():
            return Exit.DRAINED
        # Compiled files tell versions apart by the second, and who develops is faster than that.
        sys.dont_write_bytecode = True
    plan_ = load_plan(given)
    _keep_secrets(mask_of(config for _, config in plan_.services))
    if given.check:
        return _check(plan_, given)
    with _broker(given) as url:
        return _serve(plan_, url, given, arguments)


def _keep_secrets(mask: Mask) -> None:
    """Keep secrets out of whatever this process logs, and tells callers of failures, from here on."""
    if mask:
        mask_with(mask.value)
        log_what_python_says()
        for handler in logging.getLogger().handlers:
            handler.setFormatter(MaskingFormatter(_LOG_FORMAT, mask))


def _reload(given: argparse.Namespace, arguments: list[str]) -> int:
    """Serve in processes that come and go; nothing of the services is loaded here, for this one outlives them."""
    from worker_runtime.dev.reloading import Reloader

    health = _health(given.health or os.environ.get("CALLYARD_HEALTH") or "")
    with _broker(given) as url, _dev_gateway(given, url) or nullcontext() as gateway:
        command = [sys.executable, "-m", "worker_runtime", *arguments]
        reloader = Reloader(command, {_URL_VARIABLE: url}, health, gateway)
        return reloader.run(given.targets or ["."], given.env)


def _dev_gateway(given: argparse.Namespace, url: str) -> DevGateway | None:
    """What answers HTTP beside the processes that come and go.

    Raises:
        ConfigurationError: It was asked for and is not to be had.
    """
    if given.http is None:
        return None
    from client.gateway.server import read_listen
    from worker_runtime.dev.gateway import DevGateway

    try:
        gateway = DevGateway(read_listen(given.http), url)
    except ConfigurationError as error:
        if not given.http_if_possible:
            raise
        say(f"no HTTP: {error} {error.fix or ''}".rstrip(), sys.stderr)
        return None
    say(f"http at {gateway.url}")
    return gateway


def _wait_in_reserve() -> bool:
    """Wait, with all imported that takes its time, until a reloader wants this process; False if it never will."""
    with suppress(ImportError):
        importlib.import_module("uvloop")
    Address.parse(_DEFAULT_URL)
    return wait_for_go()


def _develop(given: argparse.Namespace) -> None:
    """Turn `dev DIR …` into what it stands for."""
    given.targets = given.targets[1:]
    given.reload = given.log_calls = True
    given.embedded = given.broker is None
    given.http_if_possible = given.http is None
    given.http = given.http or DEV_HTTP


@contextmanager
def _broker(given: argparse.Namespace) -> Generator[str]:
    """The URL of the broker; an embedded one runs meanwhile, unless whoever started this process has it."""
    if given.embedded and not {CHILD, RELOADED} & os.environ.keys():
        with EmbeddedBroker() as broker:
            say(f"embedded broker ({broker.kind}) at {broker.url}")
            yield broker.url
    else:
        yield _url(given)


def _serve(plan_: Plan, url: str, given: argparse.Namespace, arguments: list[str]) -> int:
    address = Address.parse(url)
    gateway = _gateway(plan_, url, given)
    health = _health(plan_.settings.health)
    if plan_.settings.processes > 1 and CHILD not in os.environ:
        # The URL may hold a password, and everybody sees command lines.
        command = [sys.executable, "-m", "worker_runtime", *arguments]
        return supervise(plan_.settings, command, {_URL_VARIABLE: url}, health)
    return run_worker(plan_, address, gateway, health=health, observer=_observer(given))


def _gateway(plan_: Plan, url: str, given: argparse.Namespace) -> PoolGateway | None:
    """What answers HTTP beside the worker; under a reloader that does, for it outlives this process."""
    if given.http is None or RELOADED in os.environ:
        return None
    from client.gateway.server import read_listen
    from worker_runtime.process.gateway import PoolGateway

    return PoolGateway(plan_, url, read_listen(given.http), shared=CHILD in os.environ)


def _observer(given: argparse.Namespace) -> Observer | None:
    if not given.log_calls:
        return None
    from worker_runtime.dev.call_log import log_calls

    return log_calls()


def _health(listen: str) -> Health | None:
    """What answers `--health`, if that was asked for; of several processes the outermost does."""
    if not listen or {CHILD, RELOADED} & os.environ.keys():
        return None
    from worker_runtime.process.health import Health

    health = Health(listen)
    health.start()
    say(f"health at http://{health.address}/ready and /live")
    return health


def _url(given: argparse.Namespace) -> str:
    return given.broker or os.environ.get(_URL_VARIABLE) or _DEFAULT_URL


def _check(plan_: Plan, given: argparse.Namespace) -> int:
    mask = mask_of(config for _, config in plan_.services)
    for service, config in plan_.services:
        for line in plan(config):
            print(mask.text(line))
        for name in service.entrypoints:
            print(f"  entrypoint {name}: {', '.join(sorted(service.names[name])) or 'no methods'}")
    for note in _outside(plan_):
        print(f"note {note}")
    shown = "embedded" if given.embedded else Address.parse(_url(given)).shown
    print(f"broker {shown}")
    return Exit.DRAINED


def load_plan(given: argparse.Namespace) -> Plan:
    """Load every service that the command line names.

    Raises:
        ConfigurationError: one of them is wrong, or two do not go together.
    """
    flags = {flag.flag.removeprefix("--").replace("-", "_"): None for flag in Settings.flags()}
    flags = {name: getattr(given, name) for name in flags}
    services = [_load(target, given, flags) for target in given.targets or ["."]]
    files: dict[str, list[str]] = {}
    for service, config in services:
        files.setdefault(service.name, []).append(str(config.file))
    for name, named in files.items():
        if len(named) > 1:
            raise ConfigurationError(f"{' and '.join(named)} are both called {name!r}: give one of them another name.")
    found = Plan(services)
    _check_entrypoints(found)
    check_handlers(services)
    return found


def _load(target: str, given: argparse.Namespace, flags: Mapping[str, str | None]) -> tuple[Service, ServiceConfig]:
    if ":" in target and not Path(target).exists():
        settings = Settings.resolve({}, environment=os.environ, flags=flags, file=None)
        service = load_object(target, checking=checking_of(settings))
        here = Path.cwd()
        config = ServiceConfig(
            name=service.name, main=here, directory=here, file=here, variables=_variables(given), secrets={},
            bindings=(), settings=settings, notes=(), environment=given.env,
        )  # fmt: skip
        return service, config
    config = load(
        Path(target), environment=given.env, variables=_variables(given), process_environment=os.environ, flags=flags
    )
    return load_configured(config), config


def _variables(given: argparse.Namespace) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for text in given.var:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            # What stands behind the sign may be a secret.
            raise ConfigurationError(f"--var {key!r}: write --var KEY=VALUE, the key being a name.")
        variables[key] = value
    return variables


def _check_entrypoints(found: Plan) -> None:
    pool = {service.name: service for service, _ in found.services}
    for _, config in found.services:
        for binding in config.callees:
            service = pool.get(binding.service)
            if (
                service is not None
                and binding.entrypoint not in service.entrypoints
                and binding.entrypoint != "Default"
            ):
                raise ConfigurationError(
                    f'{config.file}: services: Worker "{config.name}"\'s binding "{binding.binding}" refers to service '
                    f'"{binding.service}" with a named entrypoint "{binding.entrypoint}", but "{binding.service}" '
                    f"has no such named entrypoint. It has: {', '.join(sorted(service.entrypoints))}."
                )


def _outside(found: Plan) -> list[str]:
    pool = {service.name for service, _ in found.services}
    return [
        f"{config.name}: the binding {binding.binding} goes to {binding.service!r}, which is served elsewhere"
        for _, config in found.services
        for binding in config.callees
        if binding.service not in pool
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker_runtime", description="Serve services: take their calls from Redis and run them.",
        epilog="Exit codes: 0 drained, 1 crashed, 2 wrong configuration, 3 no Redis at start, 4 grace period exceeded. "
        "For databases: python -m worker_runtime d1 --help.",
    )  # fmt: skip
    parser.add_argument("targets", nargs="*", metavar="[dev] CONFIG|DIR|module:Class",
        help="what to serve (default: .); after the word dev: --embedded, with --reload and --log-calls",
    )  # fmt: skip
    broker = parser.add_mutually_exclusive_group()
    broker.add_argument("--broker", metavar="URL", help=f"where Redis is (default: $BROKER_URL, then {_DEFAULT_URL})")
    broker.add_argument("--embedded", action="store_true", help="start a private Redis for as long as this runs")
    parser.add_argument("--env", metavar="NAME", help="the environment of the configuration to use")
    parser.add_argument("--var", action="append", default=[], metavar="KEY=VALUE", help="set a variable of env")
    parser.add_argument("--check", action="store_true", help="validate, print the plan and exit")
    parser.add_argument("--http", metavar="HOST:PORT", help="serve the first service over HTTP too, for development")
    parser.add_argument("--reload", action="store_true", help="start anew when a file of a service changes")
    parser.add_argument("--log-calls", action="store_true", help="print a line for each call and batch of a queue")
    parser.add_argument("--verbose", "-v", action="store_true", help="log what happens")
    parser.set_defaults(http_if_possible=False)
    for flag in Settings.flags():
        switch = flag.default.lower() in ("false", "true", "off", "on", "no", "yes")
        optional: dict[str, Any] = {"nargs": "?", "const": "true"} if switch else {}
        parser.add_argument(
            flag.flag,
            metavar="VALUE",
            help=f"{flag.description} (default: {flag.default}; ${flag.variable})",
            **optional,
        )
    return parser

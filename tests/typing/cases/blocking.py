"""`connect_blocking`: classes whose methods are plain `def`, the service's own among them."""

from __future__ import annotations

from typing import assert_type

from faces import PlainService

from client import connect_blocking, options, read


def service_class() -> None:
    with connect_blocking() as services:
        service = services.service("svc", like=PlainService)
        assert_type(service, PlainService)
        assert_type(service.add(1, b=2), int)
        assert_type(service.version, str)
        assert_type(options(service, timeout=1).add(1), int)
        assert_type(services.submit(service.add, 1), str)
        service.add("1")  # expect: error
        service.sub(1)  # expect: error


def untyped() -> None:
    with connect_blocking() as services:
        services.svc.add(1)
        read(services.svc.version)

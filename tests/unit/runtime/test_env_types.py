"""What a service says of its bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from broker.errors import ConfigurationError
from worker_runtime.env.binding_types import types_of_env
from workers import WorkerEntrypoint

if TYPE_CHECKING:
    from decimal import Context as Unknown


class Users(Protocol): ...


class Shared:
    USERS: Users


class Env(Shared):
    GREETING: str
    UNKNOWN: Unknown
    ANY: Any


class Typed(WorkerEntrypoint):
    env: Env


class Below(Typed): ...


class Untyped(WorkerEntrypoint): ...


class Otherwise(WorkerEntrypoint):
    class OtherEnv:
        USERS: Typed

    env: Otherwise.OtherEnv


class Hidden(WorkerEntrypoint):
    env: Unknown


def test_bindings_have_the_types_of_the_class_that_env_is_annotated_with():
    assert types_of_env([Untyped, Below])["USERS"] is Users
    assert set(types_of_env([Typed])) - {"ANY"} == {"USERS"}


def test_what_is_known_to_type_checkers_only_says_nothing_here():
    assert types_of_env([Hidden, Untyped]) == {}


def test_entrypoints_of_one_service_agree_on_a_binding():
    with pytest.raises(ConfigurationError, match=r"env\.USERS is a Users here and a Typed there"):
        types_of_env([Typed, Otherwise])

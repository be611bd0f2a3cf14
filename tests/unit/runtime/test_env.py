"""`env`: what it shows of itself, and what it says about a name that it lacks."""

import copy

import pytest

from worker_runtime.process.bindings import Env


def test_env_gives_its_values_as_attributes_and_shows_only_their_names():
    env = Env("shop", {"WORD": "hello", "SECRET": "hush"})

    assert env.WORD == "hello"
    assert list(env) == ["WORD", "SECRET"]
    assert repr(env) == "<env: SECRET, WORD>"


def test_missing_name_is_answered_with_those_that_there_are():
    with pytest.raises(AttributeError, match="env of 'shop' has no 'WORLD'; its configuration gives it WORD"):
        Env("shop", {"WORD": 1}).WORLD  # noqa: B018
    with pytest.raises(AttributeError, match="gives it nothing"):
        Env("shop", {}).ANY  # noqa: B018


def test_env_can_be_copied():
    assert copy.copy(Env("shop", {"WORD": 1})).WORD == 1

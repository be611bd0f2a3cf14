"""What a shell is told when a word is to be completed."""

import pytest

from client.command_line.candidates import COMMANDS, candidates, read_line
from client.command_line.commands import COMMANDS as ALL
from tests.unit.offers.everything import EVERYTHING
from tests.unit.offers.test_stub_file import OFFERS


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["users", "level="], ["level=1", "level=2"]),
        (["lit", "x="], ["x=1", "x=a", "x=true", "x=b"]),
        (["args", ""], ["b=", "c=", "d="]),
        (["pay", "m"], ["m="]),
    ],
)
def test_types_of_all_kinds_are_completed(words, found):
    line = ["call", f"everything.{words[0]}", *words[1:]]

    assert candidates(read_line(line), ["everything"], EVERYTHING) == found


def completed(*words: str) -> list[str]:
    return candidates(read_line(words), ["shop", "todo-app"], OFFERS)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["de"], ["describe"]),
        (["call", ""], ["shop.", "todo-app."]),
        (["call", "to"], ["todo-app."]),
        (["describe", "s"], ["shop"]),
        (["call", "shop.a"], ["shop.add", "shop.answer"]),
        (["call", "shop#A"], ["shop#Admin.many", "shop#Admin.pair"]),
        (["call", "shop.f"], ["shop.find", "shop.fetch"]),
        (["call", "shop.add", ""], ["a=", "b="]),
        (["call", "shop.add", "a=1", ""], ["b="]),
        (["call", "shop.find", "colour="], ["colour=red", "colour=green"]),
        (["call", "shop.find", "colour=g"], ["colour=green"]),
        (["call", "shop.save", "w"], ["when="]),
        (["call", "shop.nothing", ""], []),
        (["call", "--t"], ["--timeout"]),
        (["call", "--timeout", ""], []),
        (["call", "--timeout", "5", "sh"], ["shop."]),
        (["call", "--broker=redis://x", "shop.ad"], ["shop.add"]),
        (["types", "--c"], ["--check"]),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["nonsense", ""], []),
    ],
)
def test_a_word_is_completed(words, found):
    assert completed(*words) == found


def test_the_line_says_which_redis_is_asked():
    asked = read_line(["call", "--broker", "redis://x", "--prefix=p", "shop.a"])

    assert (asked.options, asked.service) == ({"--broker": "redis://x", "--prefix": "p"}, "shop")


def test_every_command_can_be_completed():
    assert set(COMMANDS) == set(ALL)

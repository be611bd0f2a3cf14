"""Types, descriptions and completion from a live service: the shop of the examples, which checks strictly here."""

import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import pytest

from broker.errors import InvalidArguments
from client import InvalidResult, connect, connect_blocking, options
from client.cli import main
from tests.support.command_lines import on_terminal
from tests.support.workers import ROOT, workers_on
from tests.unit.offers.test_openrpc import check_structure

pytestmark = pytest.mark.redis

SHOP = ROOT / "examples" / "shop"
RECORDED = SHOP / "caller" / "shop.pyi"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Where commands run: beside one worker of the service `shop`."""

    def __init__(self, url: str, prefix: str) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CALLYARD_")}
        self.environment = own | {"BROKER_URL": url, "CALLYARD_PREFIX": prefix, "PYTHONPATH": str(ROOT)}
        self.url = url
        self.prefix = prefix

    def run(self, *words: str | Path) -> Ended:
        """A command, in this process: starting one takes longer than what it does."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setenv("BROKER_URL", self.url)
            patch.setenv("CALLYARD_PREFIX", self.prefix)
            code = main([str(word) for word in words])
        return Ended(code, out.getvalue(), err.getvalue())

    def start(self, *words: str | Path, program: tuple[str, ...] = ("-m", "client"), text: str = "") -> Ended:
        """A command or a program, in a process of its own."""
        done = subprocess.run(
            [sys.executable, *program, *map(str, words)], cwd=ROOT, env=self.environment, input=text, text=True,
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def value(self, *words: str | Path) -> Any:
        ended = self.run("call", "--json", *words)
        assert (ended.code, ended.err) == (0, "")
        return json.loads(ended.out)


@pytest.fixture(scope="module")
def shell(redis_server: str) -> Iterator[Shell]:
    prefix = f"test-{secrets.token_hex(4)}"
    with workers_on(redis_server, prefix) as workers:
        workers.serve(SHOP, "--validation", "strict")
        yield Shell(redis_server, prefix)


# Types


def test_the_recorded_types_of_the_example_are_those_of_the_live_service(shell):
    assert shell.run("types", "shop") == (0, RECORDED.read_text(), "")


def test_a_service_that_fits_its_recorded_types_passes_the_check(shell):
    assert shell.run("types", "shop", "--check", RECORDED) == (0, f"shop fits {RECORDED}.\n", "")
    assert shell.run("types", "shop", "--check", RECORDED, "--json").out == '{"fits": true}\n'


def test_a_service_that_no_longer_fits_fails_the_check_and_says_what_broke(shell, tmp_path):
    recorded = (
        RECORDED.read_text().replace("names: list[str]", "names: list[str] | str").replace("-> Order:", "-> int:")
    )
    file = tmp_path / "shop.pyi"
    file.write_text(recorded + "    async def sell(self) -> None: ...\n")

    ended = shell.run("types", "shop", "--check", file)
    in_json = shell.run("types", "shop", "--check", file, "--json")

    assert (ended.code, ended.out.splitlines()) == (
        5,
        [
            f"{file}:58: Default.buy(): parameter 'names' takes list[str] where callers give list[str] | str.",
            f"{file}:58: Default.buy(): it returns Order where callers rely on int.",
            f"{file}:79: Stock.sell(): it is gone.",
        ],
    )
    assert ended.err == f"error: Misfit: shop no longer fits {file}: 3 assumptions of its callers broke.\n"
    assert in_json.code == 5
    assert json.loads(in_json.out)["error"]["broken"] == ended.out.splitlines()


@pytest.mark.parametrize("content", [None, "class (", "\x00"])
def test_recorded_types_that_cannot_be_read_are_wrong_use(shell, tmp_path, content):
    file = tmp_path / "shop.pyi"
    if content is not None:
        file.write_text(content)

    ended = shell.run("types", "shop", "--check", file)

    assert ended.code == 2
    assert str(file) in ended.err


def test_recorded_types_that_are_not_there_are_wrong_use_and_the_error_says_how_to_record_them(shell, tmp_path):
    ended = shell.run("types", "shop", "--check", tmp_path / "shop.pyi")

    assert ended.code == 2
    assert f"Record it: python -m client types SERVICE > {tmp_path / 'shop.pyi'}" in ended.err


def test_the_caller_of_the_example_gets_what_its_types_say(shell):
    ended = shell.start(SHOP / "caller" / "caller.py", program=())

    assert ended == (0, "cup small 4.50\nTea and more: 2 articles for 25.00\n", "")


# JSON


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["types", "shop"], {"service", "types"}),
        (["types", "shop", "--module", "--blocking"], {"service", "types"}),
        (["types", "shop", "--check", str(RECORDED)], {"fits"}),
        (["types", "shop", "--check", "nowhere.pyi"], {"error"}),
        (["types"], {"error"}),
        (["describe", "shop"], {"service", "entrypoints"}),
        (["describe", "shop", "--openrpc"], {"openrpc", "info", "methods", "components"}),
        (["describe", "nobody"], {"error"}),
        (["completion", "zsh"], {"shell", "script"}),
        (["completion"], {"error"}),
        (["call", "shop.buy", "[]"], {"number", "articles", "ordered", "note"}),
        (["call", "shop.buy"], {"error"}),
        (["call", "shop.fetch", "/"], {"status", "status_text", "headers", "body"}),
        (["gateway", "--listen", "nowhere"], {"error"}),
        (["nonsense"], {"error"}),
    ],
)  # fmt: skip
def test_every_command_gives_json_on_one_line_failures_too(shell, words, keys):
    ended = shell.run(*words, "--json")

    assert ended.out.count("\n") == 1
    assert json.loads(ended.out).keys() == keys


def test_a_gateway_says_in_json_where_it_listens(shell):
    command = ["gateway", "--listen", "127.0.0.1:0", "--route", "/=shop", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "client", *command], cwd=ROOT, env=shell.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.terminate()
        rest = [json.loads(line) for line in process.stdout]

    assert (ready["state"], ready["routes"]) == ("ready", ["/=shop"])
    assert ready["url"].startswith("http://127.0.0.1:")
    assert rest == [{"state": "stopping"}, {"state": "stopped"}]


# Descriptions


def test_the_description_says_version_and_code(shell):
    ended = shell.run("describe", "shop")

    assert re.fullmatch(r"shop  \(version 1\.0, code [0-9a-f]{16}\)", ended.out.splitlines()[0])


def test_a_terminal_gets_colours(shell):
    shown = on_terminal(shell.environment, "describe", "shop")

    assert "\x1b[1mshop" in shown
    assert "total(" in plain(shown)


def test_a_narrow_terminal_gets_lines_that_fit_and_lacks_nothing(shell):
    lines = plain(on_terminal(shell.environment, "describe", "shop", columns=40)).splitlines()
    wide = plain(on_terminal(shell.environment, "describe", "shop", columns=200)).splitlines()

    assert max(map(len, lines)) <= 40 < max(map(len, wide))
    # A word that is wider than the terminal goes on in the next line.
    assert "".join("".join(lines).split()) == "".join("".join(wide).split())


def plain(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


def test_the_openrpc_document_is_one(shell):
    document = json.loads(shell.run("describe", "shop", "--openrpc").out)

    check_structure(document)
    assert document["info"] == {"title": "shop", "version": "1.0", "description": "What customers may do."}


# Arguments by schema


def test_words_become_what_a_strict_method_takes(shell):
    assert shell.value("shop.find", "1") is None
    assert shell.value("shop#Stock.count", '{"cup": 2}', "2024-02-29") == [2, "2024-02-29"]
    assert [article["name"] for article in shell.value("shop.articles", "size=large", "most=1")] == ["pot"]


def test_an_argument_may_stand_in_a_file_or_come_on_standard_input(shell, tmp_path):
    order = {
        "number": 1, "articles": [{"name": "cup", "price": "4.50"}], "ordered": "2024-05-06T00:00:00+00:00",
    }  # fmt: skip
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order) + "\n")

    assert shell.value("shop.total", f"@{file}", "discount=0.5") == "4.00"
    assert shell.start("call", "shop.total", "@-", text=json.dumps(order)) == (0, "4.50\n", "")


def test_a_file_that_is_not_there_is_wrong_use(shell, tmp_path):
    ended = shell.run("call", "shop.find", f"@{tmp_path}/none")

    assert ended.code == 2
    assert "No such file" in ended.err


def test_python_callers_of_a_strict_service_have_to_give_the_right_type(shell):
    with connect_blocking(shell.url, prefix=shell.prefix) as services:
        stock = services.service("shop", "Stock")
        with pytest.raises(InvalidArguments, match=r"^shop#Stock\.count\(\): parameter 'on': .*, got str$"):
            stock.count({"cup": 2}, "2024-02-29")


# Typed callers


@dataclass
class Article:
    name: str
    price: Decimal
    size: Literal["small", "large"]
    since: date | None


@dataclass
class Order:
    number: int
    articles: list[Article]
    ordered: datetime
    note: str | None


class Shop(Protocol):
    """The shop with classes of the caller's own."""

    async def find(self, name: str) -> Article | None: ...
    async def buy(self, names: list[str], note: str | None = None) -> Order: ...
    async def total(self, order: Order, discount: Decimal = ...) -> Decimal: ...
    @property
    def name(self) -> Awaitable[str]: ...


class BlockingShop(Protocol):
    def find(self, name: str) -> Article | None: ...
    @property
    def name(self) -> str: ...


class WrongShop(Protocol):
    async def find(self, name: str) -> int: ...


async def test_results_are_rebuilt_into_the_types_of_the_caller(shell):
    async with connect(shell.url, prefix=shell.prefix) as services:
        shop = services.service("shop", like=Shop)
        pot = await options(shop, timeout=20).find("pot")
        order = await shop.buy(["cup"])

        assert pot == Article("pot", Decimal("21.00"), "large", date(2024, 2, 29))
        assert order.articles == [Article("cup", Decimal("4.50"), "small", None)]
        assert await shop.total(order) == Decimal("4.50")
        assert await shop.name == "Tea and more"
        assert await shop.find("nothing") is None


async def test_a_service_that_gives_something_else_than_the_caller_was_told_is_an_error(shell):
    async with connect(shell.url, prefix=shell.prefix) as services:
        with pytest.raises(InvalidResult, match=r"WrongShop\.find"):
            await services.service("shop", like=WrongShop).find("cup")


def test_blocking_callers_get_results_and_properties_of_their_types(shell):
    with connect_blocking(shell.url, prefix=shell.prefix) as services:
        shop = services.service("shop", like=BlockingShop)

        assert shop.find("cup") == Article("cup", Decimal("4.50"), "small", None)
        assert shop.name == "Tea and more"
        assert options(shop, timeout=20).name == "Tea and more"


def test_a_generated_module_is_a_type_for_callers(shell, tmp_path):
    (tmp_path / "shop_types.py").write_text(shell.run("types", "shop", "--module", "--blocking").out)
    (tmp_path / "main.py").write_text(
        "from shop_types import Default\n"
        "from client import connect_blocking\n"
        "with connect_blocking() as services:\n"
        "    shop = services.service('shop', like=Default)\n"
        "    print(shop.name, shop.total(shop.buy(['cup', 'pot'])))\n"
    )

    assert shell.start(tmp_path / "main.py", program=()) == (0, "Tea and more 25.50\n", "")


TYPED_SERVICE = """
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from workers import WorkerEntrypoint


@dataclass
class Article:
    name: str
    price: Decimal


class Shop(Protocol):
    async def find(self, name: str) -> Article: ...


class Env:
    SHOP: Shop


class Default(WorkerEntrypoint):
    env: Env

    async def price(self, name: str) -> str:
        article = await self.env.SHOP.find(name)
        return f"{article.name}: {article.price}"
"""


async def test_a_binding_gives_what_its_annotation_says(shell, tmp_path):
    (tmp_path / "front.py").write_text(TYPED_SERVICE)
    configuration = {"name": "front", "main": "front.py", "services": [{"binding": "SHOP", "service": "shop"}]}
    (tmp_path / "wrangler.jsonc").write_text(json.dumps(configuration))

    with workers_on(shell.url, shell.prefix) as workers:
        workers.serve(tmp_path)
        async with connect(shell.url, prefix=shell.prefix) as services:
            assert await services.front.price("pot") == "pot: 21.00"


# Completion


COMPLETE = """\
source <("$PYTHON" -m client completion bash)
COMP_LINE=$1; COMP_POINT=${#COMP_LINE}
compopt() { :; }
_callyard
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("call sh", ["shop."]),
        ("call shop.f", ["shop.find", "shop.fetch"]),
        ("call shop#", ["shop#Stock.count"]),
        ("call shop.articles size=", ["small", "large"]),
        ("call shop.buy ", ["names=", "note="]),
        ("des", ["describe"]),
    ],
)
def test_bash_completes_with_the_names_of_the_live_registry(shell, typed, found):
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-c", COMPLETE, "bash", f"{sys.executable} -m client {typed}"], cwd=ROOT,
        env=shell.environment | {"PYTHON": sys.executable}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == found


def test_completion_is_silent_where_there_is_no_redis(shell):
    assert shell.run("complete", "--", "call", "--broker", "redis://127.0.0.1:1", "sh") == (0, "", "")


def test_a_shell_that_nobody_knows_is_wrong_use(shell):
    ended = shell.run("completion", "tcsh")

    assert (ended.code, ended.err) == (2, "error: UsageError: Name a shell: bash, zsh, fish.\n")

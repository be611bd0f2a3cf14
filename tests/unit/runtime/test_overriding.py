"""`with_env`, `patch_env` and the importable `exports`."""

import asyncio
from types import SimpleNamespace

import pytest

from broker.errors import ConfigurationError
from worker_runtime.context import current
from worker_runtime.testing import serve
from workers import WorkerEntrypoint, env, exports, patch_env, with_env


def word():
    return env.WORD


async def word_later():
    await asyncio.sleep(0)
    return env.WORD


def test_patched_names_are_read_where_no_call_runs():
    with patch_env({"WORD": "hello"}, OTHER=3):
        assert (env.WORD, env.OTHER) == ("hello", 3)
        assert dir(env) == ["OTHER", "WORD"]
    with pytest.raises(RuntimeError, match=r"global scope. env.WORD"):
        word()
    with pytest.raises(RuntimeError, match="global scope"):
        dir(env)


def test_patch_leaves_other_names_of_the_running_call_as_they_are():
    token = current.set(SimpleNamespace(ctx=None, env=SimpleNamespace(WORD="own", OTHER="own")))
    try:
        with patch_env(WORD="patched"):
            assert (env.WORD, env.OTHER) == ("patched", "own")
            assert {"WORD", "OTHER"} <= set(dir(env))
        assert env.WORD == "own"
    finally:
        current.reset(token)


def test_patches_add_up_and_the_innermost_goes_first():
    with patch_env(WORD="outer", OTHER=1):
        with patch_env(WORD="inner"):
            assert (env.WORD, env.OTHER) == ("inner", 1)
        assert env.WORD == "outer"


def test_patch_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), patch_env(WORD="hello"):
        _ = 1 / 0
    with pytest.raises(RuntimeError):
        word()


def test_with_env_gives_a_function_these_values_and_no_others():
    def read(name, *, twice):
        return [getattr(env, name)] * twice

    assert with_env({"WORD": "hello"}, read, "WORD", twice=2) == ["hello"] * 2
    with patch_env(OTHER=1), pytest.raises(AttributeError, match="no 'OTHER' here; with_env gave it WORD"):
        with_env({"WORD": "hello"}, read, "OTHER", twice=1)
    with pytest.raises(AttributeError, match="gave it nothing"):
        with_env(None, word)
    assert with_env({"WORD": "x"}, dir, env) == ["WORD"]


def test_patch_inside_with_env_adds_to_its_values():
    def read():
        with patch_env(OTHER=1):
            return env.WORD, env.OTHER

    assert with_env({"WORD": "hello"}, read) == ("hello", 1)


def word_soon():
    return asyncio.ensure_future(word_later())


@pytest.mark.parametrize("function", [word_later, word_soon])
async def test_with_env_lasts_as_long_as_the_coroutine(function):
    assert await with_env({"WORD": "hello"}, function) == "hello"
    with pytest.raises(RuntimeError):
        word()


async def test_scopes_beside_each_other_do_not_mix():
    async def patched(value):
        with patch_env(WORD=value):
            return await word_later()

    assert await asyncio.gather(patched(1), patched(2), with_env({"WORD": 3}, word_later)) == [1, 2, 3]


async def test_task_inherits_the_patch_that_it_was_started_under():
    with patch_env(WORD="then"):
        task = asyncio.create_task(word_later())
    assert await task == "then"


@pytest.mark.parametrize("name", ["a-b", "__class__", ""])
def test_name_that_cannot_stand_behind_env_is_refused(name):
    with pytest.raises(ConfigurationError, match="cannot stand behind env"), patch_env({name: 1}):
        pass


class Default(WorkerEntrypoint):
    async def shown(self):
        own = self.ctx.exports
        return sorted(own), repr(own), await own.default.role(), await exports.Default.role(), dir(exports) is not None

    async def role(self):
        return self.ctx.props.get("role", "nobody")

    async def special(self):
        return await exports.Default(props={"role": "boss"}).role()

    async def missing(self):
        return exports.Nothing

    async def patched(self):
        with patch_env(WORD="patched"):
            return env.WORD, self.env.WORD


async def test_exports_are_the_entrypoints_of_the_service_importable_too():
    async with serve(Default) as served:
        assert await served.stub.shown() == (["Default"], "<exports: Default>", "nobody", "nobody", True)
        assert await served.stub.special() == "boss"
        with pytest.raises(AttributeError, match="no 'Nothing'; the entrypoints of this service are Default"):
            await served.stub.missing()


def test_exports_outside_a_call_are_refused():
    with pytest.raises(RuntimeError, match=r"exports.Default can be read only inside a call"):
        _ = exports.Default
    assert repr(exports) == "<exports of the running call>"


async def test_patch_does_not_change_what_self_env_gives():
    async with serve(Default, variables={"WORD": "own"}) as served:
        assert await served.stub.patched() == ("patched", "own")


async def test_top_of_a_module_reads_variables_and_secrets_and_no_bindings(tmp_path):
    (tmp_path / "wrangler.toml").write_text(
        'name = "top"\nmain = "top.py"\nvars = { WORD = "hello" }\nservices = [{ binding = "B", service = "b" }]\n'
    )
    (tmp_path / ".dev.vars").write_text("KEY=secret\nODD-NAME=1\n")
    (tmp_path / "top.py").write_text(
        "from workers import WorkerEntrypoint, env\nWORD = env.WORD + env.KEY\n"
        "class Default(WorkerEntrypoint):\n    async def word(self):\n        return WORD\n"
    )
    async with serve(tmp_path) as top:
        assert await top.stub.word() == "hellosecret"
    (tmp_path / "top.py").write_text("from workers import env\nenv.B.add(1, 2)\n")
    with pytest.raises(ConfigurationError, match=r"global scope. env.B can be read only inside a call"):
        async with serve(tmp_path):
            pass

"""`fetch` through a binding: redirects, and what becomes of the request."""

import asyncio

import pytest

from client import CallTimeout, options
from workers import FormData, Request


@pytest.fixture
async def web(site):
    async with site.connect() as services:
        yield services.site


async def test_redirects_are_followed_through_the_same_binding(web):
    headers = {"authorization": "Bearer x"}
    response = await web.fetch("http://a.example/hop?left=3", method="POST", body="x", headers=headers)

    assert (response.status, response.url) == (200, "http://a.example/hop?left=0&to=")
    assert await response.text() == "GET manual Bearer x "


async def test_authorization_does_not_go_to_another_origin(web):
    url = "http://a.example/hop?left=1&to=http://b.example"
    response = await web.fetch(url, headers={"authorization": "Bearer x"})

    assert response.url.startswith("http://b.example/")
    assert await response.text() == "GET manual None "


async def test_a_body_is_sent_again_where_the_status_says_so(web):
    response = await web.fetch("http://a.example/hop?left=1&status=307", method="POST", body="again")

    assert await response.text() == "POST manual None again"


@pytest.mark.parametrize("mode", ["manual", "error"])
async def test_a_request_may_not_want_to_be_redirected(web, mode):
    request = Request("http://a.example/hop?left=1", redirect=mode)
    if mode == "manual":
        assert (await web.fetch(request)).status == 302
    else:
        with pytest.raises(TypeError, match="redirect"):
            await web.fetch(request)


async def test_redirects_share_one_deadline_and_end(web):
    began = asyncio.get_running_loop().time()
    with pytest.raises(CallTimeout):
        await options(web, timeout=0.35).fetch("http://a.example/loop")
    assert asyncio.get_running_loop().time() - began < 2
    with pytest.raises(TypeError, match="more than 20 redirects"):
        await web.fetch("http://a.example/loop")


async def test_a_redirect_does_not_run_into_the_key_of_the_request_before(web):
    keyed = options(web, idempotency_key="redirected")

    assert await (await keyed.fetch("http://a.example/hop?left=2")).text() == "GET manual None "


async def test_a_form_arrives(web):
    response = await web.fetch("http://a.example/form", method="POST", body=FormData({"a": "ü"}))

    assert await response.json() == {"a": "ü"}


async def test_a_form_is_a_value_like_others(web):
    assert await web.swap(FormData({"a": "b"})) == FormData({"b": "a"})

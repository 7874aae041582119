"""Answers, as a function in Python would give them. What http response nodes send is tested with the node."""

import asyncio
import gc

import pytest

from busway.engine.http import AlreadyAnswered, Exchange, HttpRequest, HttpResponse, ResponseError
from busway.engine.http.cookies import CookieError


def exchange_of(query=b""):
    exchange = Exchange(asyncio.get_running_loop())
    request = HttpRequest({"method": "GET", "path": "/", "query_string": query, "headers": []})
    return exchange, HttpResponse(exchange, request)


async def answer_to(act, query=b""):
    exchange, response = exchange_of(query)
    act(response)
    return exchange.answer.result()


async def test_calls_can_be_chained():
    answer = await answer_to(
        lambda res: res.status(201).set("X-A", 5).set({"x-b": ["1", "2"]}).type("text/csv").send("a")
    )
    assert answer.status == 201
    assert answer.body == b"a"
    assert answer.headers == [
        (b"x-a", b"5"),
        (b"x-b", b"1"),
        (b"x-b", b"2"),
        (b"content-type", b"text/csv; charset=utf-8"),
        (b"content-length", b"1"),
    ]


async def test_it_redirects():
    answer = await answer_to(lambda res: res.redirect("/there"))
    assert (answer.status, dict(answer.headers)[b"location"]) == (302, b"/there")


async def test_it_answers_with_json_and_calls_a_callback():
    assert (await answer_to(lambda res: res.json({"a": 1}))).body == b'{"a":1}'
    called = await answer_to(lambda res: res.jsonp({"a": "\u2028"}), b"callback=a.b%5B0%5D()%3C%3E")
    assert called.body == b'/**/ typeof a.b[0] === \'function\' && a.b[0]({"a":"\\u2028"});'
    assert dict(called.headers)[b"content-type"] == b"text/javascript; charset=utf-8"


async def test_cookies_are_added_to_each_other():
    answer = await answer_to(lambda res: res.cookie("a", "1").clearCookie("b").sendStatus(204))
    assert [value for name, value in answer.headers if name == b"set-cookie"] == [
        b"a=1; Path=/",
        b"b=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ]
    with pytest.raises(CookieError):
        exchange_of()[1].cookie("a b", "1")


async def test_a_second_answer_is_an_error():
    exchange, response = exchange_of()
    response.send("first")
    assert response.answered
    with pytest.raises(AlreadyAnswered, match="already been answered") as caught:
        response.send("second")
    assert caught.value.code == "ERR_HTTP_HEADERS_SENT"
    assert exchange.answer.result().body == b"first"


@pytest.mark.parametrize("code", [100, 600, "200"])
async def test_status_codes_that_there_are_not_are_refused(code):
    with pytest.raises(ResponseError, match="from 200 to 599"):
        exchange_of()[1].status(code)


@pytest.mark.parametrize(
    ("name", "value"), [("bad name", "a"), ("x", "a\nb"), ("x", "a\r\nset-cookie: b=1"), ("x", "€")]
)
async def test_headers_that_cannot_be_sent_are_refused(name, value):
    with pytest.raises(ResponseError, match=r"header"):
        exchange_of()[1].set(name, value)


async def test_a_response_that_nobody_holds_any_more_is_answered_with_504():
    exchange, response = exchange_of()
    del response
    gc.collect()
    answer = await asyncio.wait_for(exchange.answer, 1)
    assert answer.status == 504
    assert b"without an http response node" in answer.body


async def test_a_response_may_be_dropped_in_another_thread():
    exchange, response = exchange_of()
    holder = [response]
    del response
    await asyncio.to_thread(holder.clear)
    assert (await asyncio.wait_for(exchange.answer, 1)).status == 504


async def test_a_response_that_is_kept_waits():
    exchange, response = exchange_of()
    await asyncio.sleep(0)
    assert not exchange.answer.done()
    response.send("late")
    assert exchange.answer.result().body == b"late"

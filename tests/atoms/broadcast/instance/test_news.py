"""What happens to clients is logged, with fields, once a second and kind, and without secrets."""

import logging
from typing import Any

import httpx2
import pytest

from pattern_stack import Channel, Forbidden, History, Identity, Unauthenticated, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.instance.news import News
from pattern_stack.atoms.broadcast.transports.uvicorn_log import follow_uvicorn
from tests.support.client import client, page_of
from tests.support.patience import PATIENCE
from tests.support.server import serving_backend, until
from tests.support.stream import stream_url

LOGGER = "pattern_stack.connections"


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == LOGGER]


def fields(record: logging.LogRecord, *names: str) -> list[Any]:
    return [getattr(record, name, None) for name in names]


def test_one_line_a_second_and_kind_says_how_many(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    now = 0.0
    news = News(lambda: now)
    for _ in range(100):
        news.info("a", "something", code=1)
        news.info("b", "another", code=2)
    assert [record.getMessage() for record in lines(caplog)] == ["something: code=1", "another: code=2"]
    now = 1.0
    news.info("a", "something", code=1)
    assert lines(caplog)[-1].getMessage() == "something: code=1 (99 more like it since the last line)"
    assert fields(lines(caplog)[-1], "code", "left_out") == [1, 99]


def test_foreign_text_is_short_and_printable(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    News().info("a", "something", reason="\x1b[31m" + "x" * 1_000)
    assert lines(caplog)[0].getMessage().isprintable()
    assert len(lines(caplog)[0].getMessage()) < 300


async def test_a_clients_fate_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER)
    backend = WebSocketBroadcastBackend(history=History(events=1))

    @backend.channel("closed")
    class Closed(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("not for you")

    async def verify(token: str) -> Identity:
        if token != "right":
            raise Unauthenticated("who?")
        return Identity({"secret": "hunter2"}, key="ann")

    with serving_backend(backend, verify_token=verify) as server:
        first, *_ = [await backend.broadcast("a", "x", {"n": n}) for n in range(3)]
        async with client(server.url) as one:
            assert "error" in await one.ask({"auth": "wrong-token"})
            await one.ask({"auth": "right"})
            assert "error" in await one.ask({"subscribe": ["closed"]})
            await one.subscribe("a", since={"a": first.position._asdict()})
            await backend.disconnect(Identity(None, key="ann"), code=4403, reason="enough")
            assert (await one.closed())[0] == 4403
        await until(server, lambda: not backend._instance.connections.closing)
    told = [(one.getMessage().partition(":")[0], *fields(one, "code", "channel", "user")) for one in lines(caplog)]
    assert told == [
        ("opened a connection", None, None, None),
        ("refused a frame", "unauthenticated", None, None),
        ("refused a frame", "forbidden", "closed", "ann"),
        ("told a client to refetch", None, "a", "ann"),
        ("closed a connection", 4403, None, "ann"),
        ("a connection is gone", None, None, "ann"),
    ]
    assert len({one.connection_id for one in lines(caplog)}) == 1  # type: ignore[attr-defined]
    assert "hunter2" not in caplog.text
    assert "wrong-token" not in caplog.text


@pytest.mark.lanes("slow", "fast", "direct")
async def test_a_refused_handshake_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)

    def nobody() -> None:
        raise Unauthenticated("expired long ago")

    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=nobody) as server:
        async with client(server.url, origin=page_of(server.url)) as one:
            assert (await one.closed())[0] == 4401
    (line,) = [one for one in lines(caplog) if one.getMessage().startswith("refused a handshake")]
    assert fields(line, "code", "reason") == [4401, "expired long ago"]


async def test_what_the_http_lane_refuses_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    backend = WebSocketBroadcastBackend()

    @backend.channel("closed")
    class Closed(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("not for you")

    async def verify(token: str) -> Identity:
        if token == "wrong-token":
            raise Unauthenticated("who?")
        return Identity({"secret": "hunter2"}, key="ann")

    right, wrong = ({"Authorization": f"Bearer {token}"} for token in ("right", "wrong-token"))
    with serving_backend(backend, verify_token=verify) as server:
        async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            url = stream_url(server.http)
            answers = [
                await http.get(url, params={"channel": "a"}),
                await http.get(url, params={"channel": "closed"}, headers=right),
                await http.get(url, params={"channel": "!"}, headers=right),
                await http.post(url, content=b'{"presence":[]', headers=right),
            ]
            backend._instance.news = News()  # another kind's second has not begun
            answers.append(await http.post(url, content=b'{"ping":1}', headers=wrong))
    assert [answer.status_code for answer in answers] == [401, 403, 422, 422, 401]
    assert answers[2].json()["error"]["message"].endswith(", not '!'")
    told = [(one.getMessage().partition(":")[0], *fields(one, "code", "channel", "user")) for one in lines(caplog)]
    assert told == [
        ("refused a handshake", 4401, None, None),
        ("refused a frame", "forbidden", "closed", "ann"),
        ("refused a frame", "invalid_channel", "!", "ann"),
        ("refused a frame", "invalid_json", None, "ann"),
        ("refused a handshake", 4401, None, None),
    ]
    assert "hunter2" not in caplog.text
    assert "wrong-token" not in caplog.text


def test_lines_appear_where_uvicorns_do(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, servers, root = (logging.getLogger(name) for name in ("pattern_stack", "uvicorn", ""))
    handler = logging.NullHandler()
    for logger, handlers in ((ours, []), (servers, [handler]), (root, [handler])):
        monkeypatch.setattr(logger, "handlers", handlers)
        monkeypatch.setattr(logger, "level", logging.INFO if logger is servers else logging.NOTSET)
    follow_uvicorn()
    assert ours.handlers == []  # the application has set up logging
    monkeypatch.setattr(root, "handlers", [])
    follow_uvicorn()
    assert (ours.handlers, ours.level) == ([handler], logging.INFO)
    ours.setLevel(logging.NOTSET)

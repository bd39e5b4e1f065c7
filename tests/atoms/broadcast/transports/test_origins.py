"""Which pages may connect: those of the host itself, and those that are listed."""

from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import Server, serving_backend

pytestmark = pytest.mark.lanes("slow", "direct")


@pytest.fixture(scope="module")
def guarded(lane: str) -> Iterator[Server]:
    with serving_backend(WebSocketBroadcastBackend(), origins=["https://listed.example"]) as server:
        yield server


async def enter(server: Server, origin: str | None, host: str, **headers: str) -> int | None:
    """The code that it was closed with; None where it was let in."""
    if origin is not None:
        headers["Origin"] = origin
    url = f"ws://{host or server.url[5:].split('/')[0]}/ws/broadcast"
    try:
        async with client(url, host="127.0.0.1", port=server.port, additional_headers=headers) as one:
            await one.nothing_more()
            return None
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("", None),
        ("", "http://127.0.0.1:{port}"),
        ("", "https://127.0.0.1:{port}"),
        ("", "https://listed.example"),
        ("app.example", "http://app.example"),
        ("app.example", "http://app.example:80"),
        ("app.example:80", "http://app.example"),
        ("App.Example", "http://app.example"),
        ("app.example:443", "https://app.example"),
        ("app.example", "https://app.example"),  # TLS ended at a proxy that does not say so
        ("[::1]:7000", "http://[::1]:7000"),
    ],
)
async def test_an_origin_that_is_the_host_or_listed_is_let_in(guarded: Server, host: str, origin: str | None) -> None:
    assert await enter(guarded, origin and origin.format(port=guarded.port), host) is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("", "null"),
        ("", ""),
        ("", "http://evil.example"),
        ("", "http://evil.example:{port}"),
        ("", "http://127.0.0.1"),
        ("", "http://127.0.0.1:1"),
        ("", "http://127.0.0.1:{port}.evil.example"),
        ("", "http://127.0.0.1:{port}@evil.example"),
        ("", "http://127.0.0.1:port"),
        ("", "http://["),
        ("", "http://listed.example"),
        ("", "https://listed.example:444"),
        ("", "https://listed.example.evil.example"),
        ("app.example", "http://app.example:8080"),
        ("app.example:8080", "http://app.example"),
    ],
)
async def test_any_other_origin_is_accepted_and_closed_with_1008(guarded: Server, host: str, origin: str) -> None:
    assert await enter(guarded, origin.format(port=guarded.port), host) == 1008


@pytest.mark.parametrize(("origin", "code"), [("https://app.example", None), ("http://app.example", 1008)])
async def test_the_default_port_is_that_of_the_scheme_the_proxy_names(
    guarded: Server, origin: str, code: int | None
) -> None:
    assert await enter(guarded, origin, "app.example", **{"X-Forwarded-Proto": "https"}) == code


async def test_a_foreign_origin_is_never_authenticated_nor_connected() -> None:
    asked = []
    backend = WebSocketBroadcastBackend(everyone=["news"])
    with serving_backend(backend, authenticate=lambda: asked.append(1)) as server:
        async with client(server.url, origin="http://evil.example") as one:
            code, reason = await one.closed()
            assert not one.inbox
        assert code == 1008
        assert "origin" in reason
        assert not asked
        assert backend.get_total_connections() == backend.get_subscriber_count("news") == 0


@pytest.mark.parametrize("setting", [None, "PATTERN_STACK_ORIGINS"])
async def test_the_log_names_the_origin_the_host_and_the_setting(
    setting: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    named = {"origins_setting": setting} if setting else {}
    with serving_backend(WebSocketBroadcastBackend(), **named) as server:
        for _ in range(3):
            assert await enter(server, "http://app.example:8080", "app.example") == 1008
    assert [record.getMessage() for record in caplog.records] == [
        "refused a page of the origin 'http://app.example:8080': it is not that of the Host 'app.example', nor listed in "
        + (setting or "get_router(origins=[...])")
    ]

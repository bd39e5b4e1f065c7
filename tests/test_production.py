"""The proxies of docs/production.md, run as the page has them."""

import re
from collections.abc import Iterator
from contextlib import suppress

import httpx2
import pytest
import yaml
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.address import Address
from tests.support.client import client
from tests.support.eventually import eventually
from tests.support.instances import Instance, instances
from tests.support.nginx import Haproxy, Nginx
from tests.support.process import ROOT
from tests.support.redis.server import RedisServer
from tests.support.stream import stream

pytestmark = pytest.mark.redis

PAGE = (ROOT / "docs" / "production.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Instance]]:
    with RedisServer() as redis, instances(2, REDIS_URL=redis.url, PATTERN_STACK_CHANNEL_PREFIX="shop") as both:
        yield both


def passes(url: str) -> bool:
    """Whether the proxy listens, and an instance behind it is ready."""
    with suppress(httpx2.TransportError):
        return httpx2.get(url).status_code == 200
    return False


async def serves_both_ways(proxy: Address, each: list[Instance], prefix: str) -> None:
    """A page of the proxy's own origin gets in, and a publish to either instance arrives, whichever took the socket."""
    ready = f"{proxy.http}{prefix}/ready"
    async with httpx2.AsyncClient() as http:
        eventually(lambda: passes(ready), "the proxy passes nothing on")
        async with client(f"ws://127.0.0.1:{proxy.port}{prefix}/ws/broadcast", origin=proxy.http) as one:
            await one.subscribe("orders")
            for instance in each:
                body = {"channel": "orders", "event": "created", "payload": {"port": instance.port}}
                assert (await http.post(f"{instance.http}/test/broadcast", json=body)).status_code == 200
                assert (await one.event())["payload"] == {"port": instance.port}


async def test_nginx_with_a_path_prefix(pair: list[Instance]) -> None:
    with Nginx(block("nginx"), [one.port for one in pair]) as proxy:
        await serves_both_ways(proxy, pair, "/shop")


DEFAULTS = """
gzip on;
gzip_types text/event-stream;
server {
    listen 127.0.0.1:8080;
    location /other { proxy_pass http://127.0.0.1:8002; }
    location / { proxy_pass http://127.0.0.1:8001; }
}
"""


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_nginx_with_its_defaults_passes_each_event_on_at_once(pair: list[Instance], encoding: str) -> None:
    """The next event is published when the last one has arrived."""
    with Nginx(DEFAULTS, [one.port for one in pair]) as proxy:
        eventually(lambda: passes(f"{proxy.http}/ready"), "the proxy passes nothing on")
        headers = {"Accept-Encoding": encoding}
        async with httpx2.AsyncClient() as http, stream(proxy.http, "orders", headers=headers) as one:
            assert one.response.headers.get("content-encoding", "identity") == encoding
            assert "subscribed" in await one.receive()
            for n in range(3):
                body = {"channel": "orders", "event": "created", "payload": {"n": n}}
                assert (await http.post(f"{pair[1].http}/test/broadcast", json=body)).status_code == 200
                assert (await one.receive())["payload"] == {"n": n}


async def test_nginx_that_loses_the_port_is_found_out(pair: list[Instance]) -> None:
    """Why the block says $http_host."""
    block_without = block("nginx").replace("$http_host", "$host")
    with (
        Nginx(block_without, [one.port for one in pair]) as proxy,
        pytest.raises((ConnectionClosed, InvalidStatus)),
    ):
        await serves_both_ways(proxy, pair, "/shop")


async def test_haproxy(pair: list[Instance]) -> None:
    with Haproxy(block("haproxy"), [one.port for one in pair]) as proxy:
        await serves_both_ways(proxy, pair, "")


def test_traefiks_block_is_yaml_that_asks_ready() -> None:
    service = yaml.safe_load(block("yaml"))["http"]["services"]["shop"]["loadBalancer"]
    assert service["healthCheck"]["path"] == "/ready"
    assert service["passHostHeader"] is True


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    from pattern_stack.atoms.broadcast.bridge.store import PATIENCE
    from pattern_stack.atoms.broadcast.core.backlog import LINK_DOWN

    assert f"down for {PATIENCE:g} s, counted from the break" in PAGE
    assert f"{LINK_DOWN.events:,} events or {LINK_DOWN.bytes // 1_048_576} MiB" in PAGE

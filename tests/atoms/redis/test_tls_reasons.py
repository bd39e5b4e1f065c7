"""Where TLS fails, the start says why, and what to change."""

import ssl
from asyncio import start_server
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pattern_stack.atoms.redis import Link, ServerRejected, link
from pattern_stack.atoms.redis.url import dialler
from pattern_stack.errors import InvalidURL
from tests.support.patience import PATIENCE
from tests.support.redis.certificate import Certificate, certificate


class Nobody:
    def message(self, channel: bytes, data: bytes) -> None: ...

    async def restored(self) -> None: ...


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy takes longer for a handshake than a link waits, which then tries on."""
    monkeypatch.setattr(link, "_CONNECT_SECONDS", PATIENCE)


@asynccontextmanager
async def shown(shows: Certificate) -> AsyncIterator[int]:
    """The port of a server that shows it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shows.path, shows.key)
    async with await start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def refusal(url: str) -> str:
    link = Link(url, Nobody(), "name")
    with pytest.raises(ServerRejected) as raised:
        await link.start()
    return str(raised.value)


async def test_an_unknown_issuer(tmp_path: Path) -> None:
    async with shown(certificate(tmp_path)) as port:
        assert "nobody knows the issuer of its certificate: name it with ssl_ca_certs=" in await refusal(
            f"rediss://127.0.0.1:{port}"
        )


@pytest.mark.parametrize(
    ("host", "said"), [("localhost", "is for another host name"), ("127.0.0.1", "is for another address")]
)
async def test_another_host(tmp_path: Path, host: str, said: str) -> None:
    shows = certificate(tmp_path, "DNS:other.example,IP:10.0.0.1")
    async with shown(shows) as port:
        assert said in await refusal(f"rediss://{host}:{port}?ssl_ca_certs={shows.path}")


async def test_one_that_has_expired(tmp_path: Path) -> None:
    shows = certificate(tmp_path, days=-1)
    async with shown(shows) as port:
        assert "its certificate has expired: renew it" in await refusal(
            f"rediss://127.0.0.1:{port}?ssl_ca_certs={shows.path}"
        )


async def test_a_file_without_a_certificate(tmp_path: Path) -> None:
    shows = certificate(tmp_path)
    async with shown(shows) as port:
        assert "ssl_ca_certs names has no certificate" in await refusal(
            f"rediss://127.0.0.1:{port}?ssl_ca_certs={shows.key}"
        )


async def tried(url: str) -> Link:
    """After its first try, which ended without a refusal."""
    link = Link(url, Nobody(), "name")
    await link.start()
    assert link._task
    assert not link._task.done()
    await link.stop()
    return link


async def test_a_unix_socket_is_not_asked_for_tls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await tried(f"unix://{tmp_path}/nobody.sock")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_link_tries_on_where_no_reason_can_be_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: object) -> None:
        raise ValueError("of the reason")

    monkeypatch.setattr("pattern_stack.atoms.redis.link.mismatch", fails)
    await tried("redis://127.0.0.1:1")
    assert "of the reason" in caplog.text


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there(option: str) -> None:
    with pytest.raises(
        InvalidURL, match=f"the option {option} of a Redis URL names nothing that can be read"
    ) as raised:
        dialler(f"rediss://127.0.0.1?{option}=/nowhere/hunter2.pem")
    assert "hunter2" not in str(raised.value)

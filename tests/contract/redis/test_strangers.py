"""What others put under our prefix: messages, keys, and a whole other application."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pattern_stack import BroadcastUnavailable, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.drill import CHANNEL, Drill, drill, raises
from tests.support.patience import PATIENCE
from tests.support.redis.server import RedisServer

TOPIC = f"pattern_stack:{{{CHANNEL}}}"
BODY = b'{"channel":"orders","event":"e","payload":{"key":"forged"}}'


@asynccontextmanager
async def bystander(redis: RedisServer, prefix: str = "pattern_stack") -> AsyncIterator[RedisBroadcastBackend]:
    backend = RedisBroadcastBackend(redis.url, channel_prefix=prefix)
    yield backend
    await backend.close()


def foreign(one: Drill) -> list[int]:
    return [instance.backend._instance.engine._shared.unrecognised for instance in one.instances]  # type: ignore[attr-defined]


async def test_messages_of_strangers_are_skipped_counted_and_told_once(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with drill(redis_server) as one:
        epoch, offset = await one.outside.position(CHANNEL)  # type: ignore[attr-defined]
        forged = [
            b"garbage",
            b"",
            b"\x00\xff\xfe" * 100,
            b"%b:%b:%b" % (epoch.encode(), b"9" * 5_000, BODY),
            b"%b:-1:%b" % (epoch.encode(), BODY),
            b"%b:%d:not an event" % (epoch.encode(), offset + 1),
            b'%b:%d:{"channel":"another"}' % (epoch.encode(), offset + 1),
            b"nobody:%d:%b" % (offset + 1, BODY),
            b"\xff\xfe:%d:%b" % (offset + 1, BODY),
            b"%b:%d:%b" % (epoch.encode(), offset + 1_000_000, BODY),
        ]
        publishing = asyncio.create_task(one.publish_everywhere(50))
        with redis_server.client() as stranger:
            for message in forged:
                stranger.publish(TOPIC, message)
                await asyncio.sleep(0)
        await publishing
        await one.conclude()
        assert one.resets == 0
        async with asyncio.timeout(PATIENCE):
            while foreign(one) != [len(forged)] * 2:  # noqa: ASYNC110 - a count has no event
                await asyncio.sleep(0.02)
        told = [record for record in caplog.records if "skipped a message" in record.getMessage()]
        assert len(told) == 2  # once each
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("key", ["state", "events"])
async def test_a_key_of_another_type_makes_its_channel_unavailable(redis_server: RedisServer, key: str) -> None:
    async with drill(redis_server) as one:
        await one.outside.broadcast("other", "e", {})
        redis_server.command("SET", f"pattern_stack:{{other}}:{key}", "a string")
        await asyncio.gather(*(raises(each.backend) for each in one.instances))
        await one.publish_everywhere(5)
        redis_server.command("DEL", f"pattern_stack:{{other}}:{key}")
        for each in one.instances:
            await each.backend.broadcast("other", "e", {})
        await one.conclude()


@pytest.mark.parametrize("key", ["state", "events"])
async def test_a_key_that_becomes_another_type_loses_nothing_silently(redis_server: RedisServer, key: str) -> None:
    async with drill(redis_server) as one:
        redis_server.command("DEL", f"{TOPIC}:{key}")
        redis_server.command("SET", f"{TOPIC}:{key}", "a string")
        with pytest.raises(BroadcastUnavailable, match="WRONGTYPE"):
            await one.outside.broadcast(CHANNEL, "e", {})
        redis_server.command("DEL", f"{TOPIC}:{key}")
        await one.publish_everywhere(5)
        await one.conclude()


async def test_prefixes_keep_applications_apart(redis_server: RedisServer) -> None:
    got: dict[str, list[str]] = {"one": [], "two": []}
    async with bystander(redis_server, "one") as one, bystander(redis_server, "two") as two:
        for name, backend in (("one", one), ("two", two)):

            async def handler(event_type: str, payload: dict[str, str], name: str = name) -> None:
                got[name].append(payload["from"])

            await backend.subscribe(CHANNEL, handler)
        assert (await one.broadcast(CHANNEL, "e", {"from": "one"})).offset == 1
        assert (await two.broadcast(CHANNEL, "e", {"from": "two"})).offset == 1
        async with asyncio.timeout(PATIENCE):
            while not all(got.values()):  # noqa: ASYNC110 - handlers are called in their own time
                await asyncio.sleep(0.01)
        assert (await one.position(CHANNEL)).epoch != (await two.position(CHANNEL)).epoch
    assert got == {"one": ["one"], "two": ["two"]}
    assert all(key.split(":")[0] in ("one", "two") for key in redis_server.command("KEYS", "*"))


@pytest.mark.parametrize("prefix", ["", "a b", "a{b", "a\nb", "a" * 101])
def test_a_prefix_that_would_confuse_keys(prefix: str) -> None:
    with pytest.raises(ValueError, match="channel_prefix"):
        WebSocketBroadcastBackend(bridge=RedisBroadcastBackend(channel_prefix=prefix))

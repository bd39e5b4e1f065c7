"""redis-py's own options of a URL are taken, or refused by name."""

import pytest

from pattern_stack import InvalidURL
from pattern_stack.atoms.redis.url import dialler
from tests.support.redis.server import RedisServer


@pytest.mark.parametrize(
    "option",
    [
        "max_connections=10",
        "socket_timeout=5",
        "health_check_interval=30",
        "decode_responses=True",
        "retry_on_timeout=true",
        "protocol=3",
        "timeout=20",
    ],
)
async def test_what_a_pool_would_take_is_no_reason_to_refuse(option: str, redis_server: RedisServer) -> None:
    connection = dialler(f"{redis_server.url}?{option}")[0]({})
    await connection.connect()  # type: ignore[no-untyped-call]
    await connection.send_command("PING")
    assert await connection.read_response() == b"PONG"
    await connection.disconnect()


async def test_the_options_of_a_connection_are_its_own(redis_server: RedisServer) -> None:
    connection = dialler(f"{redis_server.url}?client_name=shop&db=3")[0]({})
    await connection.connect()  # type: ignore[no-untyped-call]
    await connection.send_command("CLIENT", "LIST")
    assert b"name=shop" in (listed := await connection.read_response())
    assert b"db=3" in listed
    await connection.disconnect()


@pytest.mark.parametrize(
    "option", ["wrong=1", "credential_provider=x", "parser_class=x", "max_conections=10", "ssl_ca_certs=a"]
)
def test_others_are_refused_by_name(option: str) -> None:
    with pytest.raises(InvalidURL, match=rf"the option {option.partition('=')[0]}, .*max_connections"):
        dialler(f"redis://:hunter2@127.0.0.1/0?{option}")


def test_what_is_no_name_is_not_quoted() -> None:
    with pytest.raises(InvalidURL) as raised:
        dialler("redis://:hunter2@127.0.0.1/0?hunter%40=2")
    assert "hunter" not in str(raised.value)


def test_a_value_that_cannot_be_read() -> None:
    with pytest.raises(InvalidURL, match="not a Redis URL"):
        dialler("redis://127.0.0.1/0?db=three")

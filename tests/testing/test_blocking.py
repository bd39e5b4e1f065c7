"""What holds up the event loop is named."""

import pytest
from fastapi.testclient import TestClient

from pattern_stack.testing import assert_never_blocked
from tests.testing.orders import Orders, http

FOUND = r"stood still for 0.1 s(.|\n)*in create\n *until_it_is_found\(\)\n(.|\n)*thread.join"


async def test_a_handler_that_blocks_is_told() -> None:
    async with http(Orders().app) as client:
        with assert_never_blocked(5):
            await client.post("/orders/1")
    async with http(Orders("block").app) as client:
        with pytest.raises(AssertionError, match=FOUND):  # noqa: SIM117
            with assert_never_blocked(0.1):
                await client.post("/orders/1")


def test_so_is_one_under_the_test_client() -> None:
    with TestClient(Orders("block").app) as client, pytest.raises(AssertionError, match=FOUND):  # noqa: SIM117
        with assert_never_blocked(0.1):
            client.post("/orders/1")

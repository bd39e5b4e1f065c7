"""Which channels a connection is on without asking, and whose they are."""

from typing import Any
from uuid import UUID

import pytest

from pattern_stack import Identity, InvalidChannel, Limits
from pattern_stack.atoms.broadcast.core.everyone import Everyone

everyone = Everyone(["news", "user:{user}", "inbox/{user}:mail"], Limits())


@pytest.mark.parametrize(
    ("user", "own"),
    [
        ("ann", ["user:ann", "inbox/ann:mail"]),
        (7, ["user:7", "inbox/7:mail"]),
        (UUID(int=1), [f"user:{UUID(int=1)}", f"inbox/{UUID(int=1)}:mail"]),
        (Identity({"secret": 1}, key="ann"), ["user:ann", "inbox/ann:mail"]),
        (None, []),
        ({"secret": 1}, []),
        ("ann:x", []),
        ("a b", []),
        ("x" * 194, ["user:" + "x" * 194]),
        ("x" * 200, []),
    ],
)
def test_a_user_has_one_of_each_template_where_its_key_can_stand_in_it(user: Any, own: list[str]) -> None:
    assert everyone.of(Identity.of(user)) == ("news", *own)


def test_a_connection_that_proved_nothing_has_the_shared_ones() -> None:
    assert everyone.of(None) == ("news",)


@pytest.mark.parametrize(
    ("channel", "ann_may"),
    [
        ("news", True), ("orders", True), ("user:ann", True), ("user:ben", False), ("user:ann:x", True), ("user:", True),
        ("inbox/ann:mail", True), ("inbox/ben:mail", False), ("user", True),
    ],
)  # fmt: skip
def test_whose_a_channel_is(channel: str, ann_may: bool) -> None:
    assert everyone.is_anothers(channel, Identity("ann")) is not ann_may
    assert everyone.is_anothers(channel, None) is (everyone.names(channel) and channel != "news")


@pytest.mark.parametrize(
    "name", ["{user}:{user}", "user:{name}", "user:{user", "a b", "a b:{user}", "", "user:{user:path}", 7]
)
def test_names_that_no_channel_can_have(name: Any) -> None:
    with pytest.raises(InvalidChannel):
        Everyone([name], Limits())

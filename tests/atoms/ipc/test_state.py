"""What the broker does, without its sockets."""

from typing import Any

import pytest

from pattern_stack.atoms.ipc.broker import space
from pattern_stack.atoms.ipc.broker.peer import Peer
from pattern_stack.atoms.ipc.broker.state import Broker, Refused
from pattern_stack.atoms.ipc.frames import ARRIVED, SENT, VERSION, Unpacker

KEEP = (256, 300, 1_000_000)


class World:
    def __init__(self) -> None:
        self.now = 1_000.0
        self.broker = Broker("life", lambda: self.now)

    def worker(self, space: str = "app") -> "Worker":
        return Worker(self.broker, space)


class Worker:
    def __init__(self, broker: Broker, space: str) -> None:
        self.broker = broker
        self.peer: Peer = broker.connect()
        assert self.ask("hello", VERSION, space)[0] == "life"

    def ask(self, call: str, *arguments: Any, body: bytes = b"") -> list[Any]:
        """The answer, without its number; its body stands last, where there is one."""
        self.broker.receive(self.peer, [7, call, *arguments], body)
        frames = self.taken()
        (answer,) = [frame for frame in frames if frame[0] == 7]
        self.inbox = [frame for frame in frames if frame[0] != 7]
        return answer[1:]

    def taken(self) -> list[list[Any]]:
        """All that is to be written to it, in the order in which it is written."""
        data = b"".join([*self.peer.answers, *self.peer.waiting])
        self.peer.answers.clear()
        self.peer.waiting.clear()
        return [[*header, body] if body else header for header, body in Unpacker().feed(data)]

    def publish(
        self, channel: str, body: bytes = b"x", *, id: str = "", key: str | None = None, **how: Any
    ) -> list[Any]:
        return self.ask("publish", channel, how.get("keep", KEEP), id, key, how.get("tried"), body=body)


@pytest.fixture
def world() -> World:
    return World()


def test_who_follows_gets_events_in_order(world: World) -> None:
    one, two, stranger = world.worker(), world.worker(), world.worker("other")
    for worker in (one, stranger):
        worker.ask("follow", "a", "b")
    epoch, offset = two.publish("a", b"1")
    assert offset == 1
    assert two.publish("a", b"2") == [epoch, 2]
    assert two.publish("b", b"3")[1] == 1
    assert two.publish("c", b"4")[1] == 1
    assert one.taken() == [
        [ARRIVED, "a", epoch, 1, b"1"],
        [ARRIVED, "a", epoch, 2, b"2"],
        [ARRIVED, "b", epoch, 1, b"3"],
    ]
    assert stranger.taken() == []
    one.ask("unfollow", "a")
    two.publish("a")
    assert one.taken() == []


def test_a_publisher_is_answered_apart_from_what_is_told(world: World) -> None:
    """The answers are written before anybody hears of the event: without one, nobody has."""
    one = world.worker()
    one.ask("follow", "a")
    world.broker.receive(one.peer, [7, "publish", "a", KEEP, "", None, None], b"1")
    assert len(one.peer.answers) == len(one.peer.waiting) == 1


def test_reading_leaves_nothing_behind_and_tells_the_epoch_to_come(world: World) -> None:
    one = world.worker()
    epoch, offset = one.ask("position", "a")
    assert offset == 0
    assert one.ask("read", "a", epoch, 0, None) == [epoch, 0, 1, []]
    assert world.broker._spaces["app"].logs == {}
    assert one.publish("a") == [epoch, 1]


def test_a_read_comes_in_pieces_and_from_the_first_that_is_kept(world: World) -> None:
    one = world.worker()
    for n in range(5):
        epoch, _ = one.publish("a", str(n).encode() * 300_000, keep=(4, 300, 10_000_000))
    assert one.ask("read", "a", epoch, 1, None)[:4] == [epoch, 5, 2, [300_000] * 2]
    assert one.ask("read", "a", epoch, 3, 4)[:4] == [epoch, 5, 4, [300_000]]
    assert one.ask("read", "a", epoch, 0, None)[2] == 2
    assert one.ask("read", "a", "another", 3, None) == [epoch, 5, 1, []]
    assert one.ask("read", "a", epoch, 5, None) == [epoch, 5, 6, []]
    world.now += 301
    assert one.ask("read", "a", epoch, 3, None) == [epoch, 5, 4, []]


def test_the_bounds_of_a_window(world: World) -> None:
    one = world.worker()
    for _ in range(4):
        epoch, _ = one.publish("a", b"x" * 10, keep=(100, 300, 25))
    assert one.ask("read", "a", epoch, 0, None)[2:4] == [3, [10, 10]]


def test_a_second_try_is_the_first_publish(world: World) -> None:
    one = world.worker()
    epoch, _ = one.publish("a", id="p:1")
    one.publish("a", id="p:2")
    assert one.publish("a", id="p:1", tried=("life", 5)) == [epoch, 1]
    assert one.publish("a", id="p:3", tried=("life", 5)) == [epoch, 3]  # it had not come through
    assert one.publish("a", id="p:1", tried=("another life", 5)) == [epoch, 4]  # that broker told nobody
    one.publish("a", id="p:4", keep=(1, 300, 1_000))
    assert one.publish("a", id="p:9", tried=("life", 5), keep=(1, 300, 1_000)) == [epoch, None]  # nobody can know


def test_keys(world: World) -> None:
    one = world.worker()
    epoch, _ = one.publish("a", b"first", key="k")
    assert one.publish("a", b"second", key="k") == [epoch, 1, True, True, b"first"]
    assert one.publish("b", b"second", key="k") == [epoch, 1]
    for _ in range(3):
        one.publish("a", keep=(2, 300, 1_000))
    assert one.publish("a", b"third", key="k") == [epoch, 1, True, False]
    world.now += 301
    assert one.publish("a", b"fourth", key="k") == [epoch, 5]


def test_ephemeral_messages(world: World) -> None:
    one, two = world.worker(), world.worker()
    one.ask("follow", "a")
    two.ask("send", "a", body=b"typing")
    two.ask("send", "b", body=b"typing")
    assert one.taken() == [[SENT, "a", b"typing"]]
    assert one.ask("position", "a")[1] == 0


def test_a_channel_that_was_forgotten_begins_anew(world: World) -> None:
    one = world.worker()
    epoch, _ = one.publish("a")
    one.ask("follow", "b")
    world.now += space.KEPT_SECONDS + 1
    world.broker.sweep()
    begun, offset = one.publish("a")
    assert offset == 1
    assert begun != epoch
    assert one.publish("b") == [epoch, 1]  # who follows it was told so


def test_a_dead_workers_members_are_gone_and_told(world: World) -> None:
    one, two = world.worker(), world.worker()
    one.ask("follow", "room")
    one.ask("attend", "room", "i1", "join", "c1", '"ann"')
    assert two.ask("attend", "room", "i2", "join", "c2", '{"name":"bob"}') == [2, []]
    assert [word.split(" ", 2)[2] if " " in word else word for word in one.ask("attend", "room", "i1", "look")[1]] == [
        "c1",
        '"ann"',
        "c2",
        '{"name":"bob"}',
    ]
    assert one.ask("attend", "room", "i1", "renew", "c1", "c9") == [2, ["c9"]]
    world.broker.leave(two.peer)
    ((kind, channel, body),) = one.taken()
    assert (kind, channel) == (SENT, "room")
    assert body.startswith(b'{"channel":"room","event":"presence-left","payload":{"connection_id":"c2"')
    assert b'"user":{"name":"bob"},"count":1}' in body
    assert one.ask("attend", "room", "i1", "leave", "c1") == [0, []]


def test_a_command_whose_worker_died_is_lost(world: World) -> None:
    one, two = world.worker(), world.worker()
    assert one.ask("claim", "room", "k", "first", 5) == ["new"]
    assert one.ask("claim", "room", "k", "first", 5) == ["new"]
    assert two.ask("claim", "room", "k", "second", 5) == ["running"]
    world.broker.leave(one.peer)
    assert two.ask("claim", "room", "k", "second", 5) == ["lost"]
    back = world.worker()
    back.ask("renew", "room", "k", "first")
    assert two.ask("claim", "room", "k", "second", 5) == ["running"]
    world.now += 6
    assert two.ask("claim", "room", "k", "second", 5) == ["lost"]
    back.ask("settle", "room", "k", "first", body=b"result")
    assert two.ask("claim", "room", "k", "second", 5) == ["done", b"result"]
    world.now += 301
    assert two.ask("claim", "room", "k", "second", 5) == ["new"]


def test_a_stranger_is_refused(world: World) -> None:
    peer = world.broker.connect()
    for header in ([1, "publish"], [1, "hello", VERSION + 1, "app"], [1, "forget"]):
        with pytest.raises(Refused):
            world.broker.receive(peer, header, b"")

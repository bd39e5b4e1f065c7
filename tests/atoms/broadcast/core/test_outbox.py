from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame

LIMIT = 100


class Transport:
    """Takes one write, then nothing until it is let."""

    def __init__(self) -> None:
        self.outbox: Outbox
        self.written: list[int] = []
        self.write_prepared = self.written.append
        self.closed: tuple[int, str] | None = None

    def write(self, batch: Batch) -> None:
        self.written.append(batch.size)
        self.outbox.pause()

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Fixture:
    def __init__(self) -> None:
        self.transport = Transport()
        self.slow = 0
        self.pace_ended = 0
        self.outbox = self.transport.outbox = Outbox(self.transport, LIMIT, self)

    def too_slow(self) -> None:
        self.slow += 1

    def bulk_written(self) -> None:
        self.pace_ended += 1

    def channel_ended(self, channel: str) -> None: ...

    def take(self, size: int, turn: int | None = None, bulk: bool = False) -> None:
        self.outbox.take(Batch([Frame(b"x" * size)]), turn, bulk)


def test_order_is_kept_while_the_way_is_busy() -> None:
    it = Fixture()
    for size in (1, 2, 3):
        it.take(size)
    assert it.transport.written == [1]
    it.outbox.resume()
    it.outbox.resume()
    assert it.transport.written == [1, 2, 3]


def test_too_slow_is_who_had_more_than_the_limit_waiting_before_the_last_write() -> None:
    it = Fixture()
    for size in (1, LIMIT, 50):  # written at once; waiting; 100 wait, which is the limit
        it.take(size)
    assert not it.slow
    it.take(1)
    assert it.slow == 1
    it.take(1)
    assert it.slow == 1, "it is told once"
    assert it.outbox.waiting == LIMIT + 50


def test_a_single_event_always_goes() -> None:
    it = Fixture()
    it.take(1)
    it.take(50 * LIMIT)
    assert not it.slow


def test_what_is_published_within_a_turn_is_one_write() -> None:
    it = Fixture()
    it.take(1, turn=1)
    for _ in range(10):
        it.take(LIMIT, turn=1)
    assert not it.slow
    it.take(1, turn=2)
    assert it.slow


def test_snapshots_and_replays_do_not_count() -> None:
    it = Fixture()
    it.take(1)
    for _ in range(5):
        it.take(10 * LIMIT, bulk=True)
    assert it.outbox.has_bulk
    it.take(1)
    assert not it.slow
    for _ in range(5):
        it.outbox.resume()
    assert not it.outbox.has_bulk
    assert it.pace_ended == 1


def test_close_follows_what_waits() -> None:
    it = Fixture()
    it.take(1)
    it.take(2)
    it.outbox.close(1012, "bye")
    it.take(3)
    assert it.transport.closed is None
    it.outbox.resume()
    it.outbox.resume()
    assert it.transport.written == [1, 2]
    assert it.transport.closed == (1012, "bye")


def test_close_in_place_of_what_waits() -> None:
    it = Fixture()
    it.take(1)
    it.take(2)
    it.outbox.close(4408, "too slow", drop=True)
    it.outbox.resume()
    assert it.transport.written == [1]
    assert it.transport.closed == (4408, "too slow")


def test_the_direct_way_is_open_only_while_nothing_waits() -> None:
    it = Fixture()
    assert it.outbox.write_prepared == it.transport.write_prepared
    it.take(1)
    assert it.outbox.write_prepared is None
    it.take(2)
    it.outbox.resume()
    assert it.outbox.write_prepared is None, "writing what waited has paused it anew"
    it.outbox.resume()
    assert it.outbox.write_prepared == it.transport.write_prepared
    it.outbox.close(1000, "")
    assert it.outbox.write_prepared is None

"""What the broker does with what workers send it. Without IO: what is to be written lies in the peers."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from pattern_stack.atoms.ipc.broker.attendance import attend, leave_all
from pattern_stack.atoms.ipc.broker.log import Bounds, Entry, Log
from pattern_stack.atoms.ipc.broker.peer import Peer
from pattern_stack.atoms.ipc.broker.space import Space
from pattern_stack.atoms.ipc.frames import ARRIVED, SENT, VERSION, cut, pack
from pattern_stack.atoms.table import Table

CONTROL = "!control"
"""Whose members are instances: nobody is told of them."""


class Refused(Exception):
    """The worker asks for what the broker does not do."""


class Broker:
    """All spaces. `life` is the name of this process: channels of another one have other epochs."""

    def __init__(self, life: str, clock: Callable[[], float] = monotonic) -> None:
        self.life = life
        self._clock = clock
        self._spaces: dict[str, Space] = {}
        self.touched: dict[Peer, None] = {}
        """Peers that something is to be written to."""

    def connect(self) -> Peer:
        return Peer(self._clock())

    def leave(self, peer: Peer) -> None:
        """Its connection broke."""
        self.touched.pop(peer, None)
        space = self._spaces.get(peer.space)
        if space is None:
            return
        now = self._clock()
        for channel in [channel for channel, log in space.logs.items() if peer in log.followers]:
            space.unfollow(channel, peer, now)
        space.claims.leave(peer)
        for channel, body in leave_all(space, peer):
            if channel != CONTROL and channel in space.logs:
                self._tell(space.logs[channel], pack((SENT, channel), body))

    def sweep(self) -> None:
        for space in self._spaces.values():
            space.sweep(self._clock())

    def receive(self, peer: Peer, header: Sequence[Any], body: bytes) -> None:
        """One frame. Raises Refused: this is no worker of ours."""
        number, call, *arguments = header
        do = _CALLS.get(call)
        if do is None or (not peer.space and call != "hello"):
            raise Refused(f"no such call: {call!r:.40}")
        peer.heard = self._clock()
        do(self, peer, number, body, *arguments)

    def _answer(self, peer: Peer, number: int, *header: Any, body: bytes = b"") -> None:
        peer.waiting.append(pack((number, *header), body))
        self.touched[peer] = None

    # -- calls

    def _hello(self, peer: Peer, number: int, _: bytes, version: int, space: str, is_worker: bool = True) -> None:
        if version != VERSION:
            raise Refused(f"a worker speaks version {version!r:.40} of the protocol, this broker {VERSION}")
        peer.space, peer.is_worker = space, is_worker
        is_first = space not in self._spaces
        self._spaces.setdefault(space, Space(self.life))
        self._answer(peer, number, self.life, is_first)

    def _ping(self, peer: Peer, number: int, _: bytes) -> None:
        self._answer(peer, number)

    def _publish(
        self,
        peer: Peer,
        number: int,
        body: bytes,
        channel: str,
        bounds: Sequence[float],
        id: str,
        key: str | None,
        tried: tuple[str, float] | None,
    ) -> None:
        """`tried`: an earlier try whose answer was lost: the broker's life then, and seconds since."""
        space, now = self._spaces[peer.space], self._clock()
        log = space.log(channel, now)
        log.bounds = Bounds(*bounds)  # type: ignore[arg-type]
        place: tuple[str, int | None] | None = space.used_key(channel, key, now) if key else None
        repeated = place is not None
        if place is None and tried and tried[0] == self.life:
            offset = log.find(id, now - tried[1])
            place = None if offset == 0 else (log.epoch, offset)
        if place is None:
            place = (log.epoch, self._append(space, channel, body, id, now))
            if key:
                space.use_key(channel, key, log.epoch, log.offset, now)
        self._placed(peer, number, log, place, repeated=repeated)

    def _placed(self, peer: Peer, number: int, log: Log, place: tuple[str, int | None], *, repeated: bool) -> None:
        epoch, offset = place
        kept = log.body_at(offset) if repeated and offset and epoch == log.epoch else None
        header = (number, epoch, offset) if not repeated else (number, epoch, offset, True, kept is not None)
        peer.answers.append(pack(header, kept or b""))
        self.touched[peer] = None

    def _append(self, space: Space, channel: str, body: bytes, id: str, now: float) -> int:
        log = space.log(channel, now)
        offset = log.append(Entry(body, now, id))
        if log.followers:
            self._tell(log, pack((ARRIVED, channel, log.epoch, offset), body))
        return offset

    def _tell(self, log: Log, frame: bytes) -> None:
        for follower in log.followers:
            follower.waiting.append(frame)
            self.touched[follower] = None

    def _send(self, peer: Peer, number: int, body: bytes, channel: str) -> None:
        log = self._spaces[peer.space].logs.get(channel)
        if log:
            self._tell(log, pack((SENT, channel), body))
        self._answer(peer, number)

    def _anew(self, peer: Peer, number: int, _: bytes, channel: str) -> None:
        log = self._spaces[peer.space].begin_anew(channel, self._clock())
        self._tell(log, pack((ARRIVED, channel, log.epoch, 0), b""))
        self._answer(peer, number)

    def _position(self, peer: Peer, number: int, _: bytes, channel: str) -> None:
        space = self._spaces[peer.space]
        log = space.logs.get(channel)
        self._answer(peer, number, *((log.epoch, log.offset) if log else (space.epoch, 0)))

    def _read(
        self, peer: Peer, number: int, _: bytes, channel: str, epoch: str, offset: int, until: int | None
    ) -> None:
        space = self._spaces[peer.space]
        log = space.logs.get(channel)
        if log is None:
            self._answer(peer, number, space.epoch, 0, offset + 1, [])
            return
        log.trim(self._clock())
        first, bodies = log.since(offset, log.offset if until is None else until) if epoch == log.epoch else (1, [])
        self._answer(peer, number, log.epoch, log.offset, first, list(map(len, bodies)), body=b"".join(bodies))

    def _follow(self, peer: Peer, number: int, _: bytes, *channels: str) -> None:
        space, now = self._spaces[peer.space], self._clock()
        for channel in channels:
            space.log(channel, now).followers[peer] = None
        self._answer(peer, number)

    def _unfollow(self, peer: Peer, number: int, _: bytes, channel: str) -> None:
        self._spaces[peer.space].unfollow(channel, peer, self._clock())
        self._answer(peer, number)

    def _attend(self, peer: Peer, number: int, _: bytes, channel: str, instance: str, what: str, *rest: str) -> None:
        space = self._spaces[peer.space]
        self._answer(peer, number, *attend(space, peer, channel, instance, what, rest, self._clock()))

    def _claim(self, peer: Peer, number: int, _: bytes, place: str, key: str, owner: str, lease: float) -> None:
        state, result = self._spaces[peer.space].claims.claim(place, key, owner, peer, lease, self._clock())
        self._answer(peer, number, state, body=result)

    def _settle(self, peer: Peer, number: int, body: bytes, place: str, key: str, owner: str) -> None:
        self._spaces[peer.space].claims.settle(place, key, owner, body, self._clock())
        self._answer(peer, number)

    def _renew(self, peer: Peer, number: int, _: bytes, place: str, key: str, owner: str) -> None:
        self._spaces[peer.space].claims.renew(place, key, owner, peer, self._clock())
        self._answer(peer, number)

    def _journal_append(
        self,
        peer: Peer,
        number: int,
        body: bytes,
        channel: str,
        bounds: Sequence[float],
        step: Sequence[Any],
        sizes: Sequence[int],
        is_again: bool,
    ) -> None:
        """`body`: the entry, about, the snapshot and the events, of these sizes. The answer is written before anybody hears
        of the events."""
        space, now = self._spaces[peer.space], self._clock()
        entry, about, snapshot, *bodies = cut(body, sizes)
        state = space.journals.append(channel, step, entry, about, snapshot, now, is_again=is_again)
        if state == "new":
            space.log(channel, now).bounds = Bounds(*bounds)  # type: ignore[arg-type]
            for one in bodies:
                self._append(space, channel, one, step[2], now)
        peer.answers.append(pack((number, self.life, "done" if state == "new" else state)))
        self.touched[peer] = None

    def _journal_read(self, peer: Peer, number: int, _: bytes, channel: str, after: int, id: str) -> None:
        space = self._spaces[peer.space]
        journal = space.journals.get(channel, self._clock())
        if journal is None:
            self._answer(peer, number, self.life, "gone")
            return
        if not journal.is_settled(self._clock()):
            self._answer(peer, number, self.life, "unsettled")
            return
        log = space.logs.get(channel)
        place = (log.epoch, log.offset) if log else (space.epoch, 0)
        snapshot, entries = journal.since(after, id)
        parts = [snapshot or b"", *entries]
        about = (journal.number, journal.id, *place, snapshot is not None, list(map(len, parts)))
        self._answer(peer, number, self.life, "there", *about, body=b"".join(parts))

    def _journal_compact(self, peer: Peer, number: int, body: bytes, channel: str, last: int, id: str) -> None:
        if journal := self._spaces[peer.space].journals.get(channel, self._clock()):
            journal.compact(last, id, body)
        self._answer(peer, number)

    def _journal_offer(
        self, peer: Peer, number: int, body: bytes, channel: str, last: int, id: str, sizes: Sequence[int]
    ) -> None:
        about, snapshot = cut(body, sizes)
        wanted = self._spaces[peer.space].journals.offer(channel, last, id, about, snapshot, self._clock())
        self._answer(peer, number, wanted)

    def _journal_all(self, peer: Peer, number: int, _: bytes) -> None:
        found = self._spaces[peer.space].journals.all()
        names, abouts = [name for name, _ in found], [about for _, about in found]
        self._answer(peer, number, names, list(map(len, abouts)), body=b"".join(abouts))

    def _rows(
        self, peer: Peer, number: int, _: bytes, place: str, count: int, oldest: float, what: str, *rest: Any
    ) -> None:
        table = self._spaces[peer.space].tables.setdefault(place, Table[str]())
        table.trim(count, oldest)
        answer = getattr(table, what)(*rest) if what in Table.CALLS else None
        table.trim(count, oldest)
        self._answer(peer, number, answer)


_CALLS: dict[str, Callable[..., None]] = {
    name: getattr(Broker, f"_{name}")
    for name in (
        "hello",
        "ping",
        "publish",
        "anew",
        "send",
        "position",
        "read",
        "follow",
        "unfollow",
        "attend",
        "claim",
        "settle",
        "renew",
        "rows",
        "journal_append",
        "journal_read",
        "journal_compact",
        "journal_offer",
        "journal_all",
    )
}

"""What every backend publishes: one event, many as one write, from any loop or thread."""

from collections.abc import Iterable
from typing import Any, Literal, overload

from pattern_stack.atoms.broadcast.base import BroadcastBackend
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Payload, Publish, encode
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.errors import BroadcastUnavailable, InvalidEvent


class Publishing(BroadcastBackend):
    """The part of a backend that publishes."""

    _instance: Instance
    _limits: Limits
    _channels: Channels

    @overload
    async def broadcast(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: Literal[False] = False,
    ) -> Event: ...

    @overload
    async def broadcast(
        self, channel: str, event_type: str, payload: Payload, *, origin: str | None = None, ephemeral: Literal[True]
    ) -> None: ...

    @overload
    async def broadcast(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool,
    ) -> Event | None: ...

    async def broadcast(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool = False,
    ) -> Event | None:
        """See BroadcastBackend. It may be awaited on any loop, in any thread."""
        drafts = [self.draft(channel, event_type, payload, origin=origin, key=key, ephemeral=ephemeral)]
        return (await self._instance.run(lambda: self._instance.events.publish_or_send(drafts)))[0]

    @overload
    async def broadcast_many(
        self, events: Iterable[tuple[str, str, Payload]], *, origin: str | None = None
    ) -> list[Event]: ...

    @overload
    async def broadcast_many(
        self, events: Iterable[tuple[str, str, Payload] | Publish], *, origin: str | None = None
    ) -> list[Event | None]: ...

    async def broadcast_many(
        self, events: Iterable[tuple[str, str, Payload] | Publish], *, origin: str | None = None
    ) -> list[Any]:
        """Publish (channel, event_type, payload), or a `Publish`, one after the other, as one write for each subscriber.
        `origin` is that of each item that names none. What is ephemeral has None in the result.

        Raises as `broadcast`; InvalidEvent also for an item of another form. Where one item is refused, none is published.
        BroadcastUnavailable of a bridge says nothing of the single items: some may be published.
        """
        drafts = [self._draft_of(item, origin) for item in events]
        return await self._instance.run(lambda: self._instance.events.publish_or_send(drafts))

    @overload
    def broadcast_sync(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: Literal[False] = False,
    ) -> Event: ...

    @overload
    def broadcast_sync(
        self, channel: str, event_type: str, payload: Payload, *, origin: str | None = None, ephemeral: Literal[True]
    ) -> None: ...

    @overload
    def broadcast_sync(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool,
    ) -> Event | None: ...

    def broadcast_sync(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool = False,
    ) -> Event | None:
        """`broadcast` for plain threads, a sync endpoint's among them. On the hub's own loop it raises BroadcastError."""
        drafts = [self.draft(channel, event_type, payload, origin=origin, key=key, ephemeral=ephemeral)]
        self._check_owned()
        return self._instance.loop_owner.run_sync(lambda: self._instance.events.publish_or_send(drafts))[0]

    def broadcast_soon(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool = False,
    ) -> None:
        """See BroadcastBackend. In memory, and on a channel that is `local`, the event is published at once; from another
        thread than the hub's, in the next turn of its loop. While a bridge has no loop yet, it waits for the start of the
        application.
        """
        draft = self.draft(channel, event_type, payload, origin=origin, key=key, ephemeral=ephemeral)
        self._instance.publish_soon(draft)

    def draft(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool = False,
    ) -> Draft:
        """The event, encoded: what `broadcast` publishes. Raises InvalidChannel, InvalidEvent or BroadcastClosed."""
        self._instance.check_open()
        return encode(
            channel,
            event_type,
            payload,
            origin=origin,
            key=key,
            ephemeral=ephemeral,
            limits=self._limits,
            declared=self._channels.declared,
        )

    def _draft_of(self, item: tuple[str, str, Payload] | Publish, origin: str | None) -> Draft:
        try:
            asked = Publish(*item)
        except TypeError:
            raise InvalidEvent("an item is (channel, event_type, payload) or a Publish") from None
        return self.draft(
            asked.channel,
            asked.event_type,
            asked.payload,
            origin=origin if asked.origin is None else asked.origin,
            key=asked.key,
            ephemeral=asked.ephemeral,
        )

    async def publish_encoded(self, drafts: list[Draft]) -> list[Event]:
        """Publish drafts that are not ephemeral, one after the other, and return the events.

        Raises BroadcastUnavailable or BroadcastClosed.
        """
        return await self._instance.run(lambda: self._instance.events.publish(drafts))

    def _check_owned(self) -> None:
        if self._instance.link and not self._instance.loop_owner.is_owned:
            raise BroadcastUnavailable("no loop works with this bridge yet: publish when the application has started")

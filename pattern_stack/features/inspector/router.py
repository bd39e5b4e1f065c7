"""GET /inspector and what its page reads. Everything but the page's own files is for those who may look."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, params

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.core.event import Event
from pattern_stack.atoms.broadcast.instance.meters import outboxes
from pattern_stack.atoms.rest import BoundedRoute
from pattern_stack.errors import BroadcastUnavailable, InvalidChannel
from pattern_stack.features.inspector.bodies import Disconnect
from pattern_stack.features.inspector.bodies import Query as Asked
from pattern_stack.features.inspector.channel import Feed, register_channel
from pattern_stack.features.inspector.guard import Tickets, Token
from pattern_stack.features.inspector.view import View
from pattern_stack.pages import METHODS, asset_router, page

_EVENTS = 20
_READ_SECONDS = 10
_PAYLOAD = 2_000
_READ_BYTES = 65_536


def get_router(
    broadcast: WebSocketBroadcastBackend,
    *,
    dependencies: Sequence[params.Depends] | None = None,
    token: str | None = None,
    origins: Iterable[str] = (),
    path: str = "/inspector",
    parts: Callable[[], Mapping[str, Any]] | None = None,
) -> APIRouter:
    """The inspector of this instance: a page on `path`, and what it reads below it.

    Who may look: whoever `dependencies` let through, as those of any FastAPI router; or whoever has the `token`, as
    `Authorization: Bearer`, or once as `?token=`, which becomes a cookie. With both, both are asked. The page's socket needs
    neither: it is opened by a ticket that lasts for a minute, and which only those get who may look.
    `origins`: pages of other hosts that may open the socket and disconnect clients. `parts`: what has a `trouble` that the
    page shows, by name; by default the backend and the outboxes of this process.

    From this call on the instance keeps what happens to its clients: see docs/limits.md. It shows this instance alone; with
    several behind one address, a page shows the one that its socket is on. Raises ValueError where neither says who may look.
    """
    if dependencies is None and token is None:
        raise ValueError("who may look? get_router(dependencies=[Depends(...)]) or get_router(token=...) says it")
    guard = None if token is None else Token(token)
    tickets = Tickets(guard.key() if guard else None)
    view = View(
        broadcast.inspection(), parts or (lambda: _parts_of(broadcast)), lambda: outboxes(broadcast, broadcast.bridge)
    )
    register_channel(broadcast, Feed(broadcast.inspection(), view))

    origins = list(origins)
    router = APIRouter(prefix=path, include_in_schema=False)
    router.include_router(
        broadcast.get_router(
            "/ws", sse=None, asyncapi=None, verify_token=tickets.verify, origins=origins, origins_setting="origins"
        )
    )
    router.include_router(asset_router())
    asked = list(dependencies or ())
    _add_page(router, guard, asked)
    check = [*asked, Depends(guard.check)] if guard else asked
    guarded = APIRouter(dependencies=check, route_class=BoundedRoute.listing(origins))
    _add_calls(guarded, broadcast, view, tickets)
    router.include_router(guarded)
    return router


def _parts_of(broadcast: WebSocketBroadcastBackend) -> Mapping[str, Any]:
    return {
        "broadcast": broadcast,
        **{f"outbox {n}": one for n, one in enumerate(outboxes(broadcast, broadcast.bridge), 1)},
    }


def _add_page(router: APIRouter, guard: Token | None, asked: list[params.Depends]) -> None:
    shown = page("inspector")

    async def inspector(request: Request) -> Response:
        if guard:
            if (redirect := guard.exchanged(request)) is not None:
                return redirect
            await guard.check(request)
        return await shown(request)

    router.add_api_route("", inspector, methods=METHODS, name="page-inspector", dependencies=asked)


def _add_calls(router: APIRouter, broadcast: WebSocketBroadcastBackend, view: View, tickets: Tickets) -> None:
    inspection = broadcast.inspection()

    @router.get("/state")
    async def state(asked: Annotated[Asked, Query()]) -> dict[str, Any]:
        """What the page shows; see Query."""
        return await broadcast.run(lambda: view.look(asked))

    @router.get("/ticket")
    async def ticket() -> dict[str, str]:
        """The first frame of the page's socket: {"auth": ticket}."""
        return {"ticket": tickets.new()}

    @router.get("/events")
    async def events(channel: str) -> dict[str, Any]:
        """The newest events of one channel, the newest first."""
        try:
            async with asyncio.timeout(_READ_SECONDS):
                found = await broadcast.history(channel, last=_EVENTS)
        except InvalidChannel as error:
            raise HTTPException(422, str(error)) from None
        except (BroadcastUnavailable, TimeoutError) as error:
            raise HTTPException(503, str(error) or "the store does not answer") from None
        return {"channel": channel, "events": [_event(one) for one in reversed(found)]}

    @router.post("/disconnect", status_code=204)
    async def disconnect(body: Disconnect) -> None:
        """Close one connection of this instance with 4403."""

        async def close() -> bool:
            return inspection.disconnect(body.connection_id)

        if not await broadcast.run(close):
            raise HTTPException(
                404, "no connection of this instance has this id: it has ended, or is another instance's"
            )


def _event(event: Event) -> dict[str, Any]:
    if not event.data:
        return {"offset": event.offset, "event": None, "timestamp": None, "payload": None}
    if len(event.data) > _READ_BYTES:  # reading it would hold everybody up
        text = event.data[: 2 * _PAYLOAD].decode(errors="replace")[:_PAYLOAD]
        return {"offset": event.offset, "event": None, "timestamp": None, "payload": text, "cut": True}
    text = orjson.dumps(event.payload).decode()
    return {
        "offset": event.offset,
        "event": event.event_type,
        "timestamp": event.timestamp,
        "payload": text[:_PAYLOAD],
        "cut": len(text) > _PAYLOAD,
    }

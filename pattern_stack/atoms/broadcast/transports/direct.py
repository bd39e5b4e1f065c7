"""A handshake that goes to an endpoint past the application: a task where `authenticate` is asked, else none."""

import asyncio

from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.instance.loop import start_task
from pattern_stack.atoms.broadcast.transports.admission import Admission
from pattern_stack.atoms.broadcast.transports.handoff import Direct
from pattern_stack.atoms.broadcast.transports.opening import Opening, Place, peer_address
from pattern_stack.atoms.broadcast.transports.refusal import Refusal
from pattern_stack.atoms.broadcast.websocket.subprotocols import SUBPROTOCOL
from pattern_stack.atoms.timing_wheel import timing_wheel


class DirectHandshake(Opening):
    """One socket, from its head until it is refused or a SocketTransport has it."""

    __slots__ = ("_asking", "_direct", "_door", "_tick", "_timer")

    def __init__(self, place: Place, direct: Direct) -> None:
        super().__init__(place)
        self._direct = direct
        self._door = direct.door
        self._asking: asyncio.Task[None] | None = None
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        refusal = self._door.check_origin(self._page)
        if refusal is None and self._door.asks:
            self._ask()
        else:
            self._answer(None, refusal)

    # -- who it is

    def _ask(self) -> None:
        self._tick = timing_wheel(self._server.loop).set(self, self._door.hook_seconds)
        task = start_task(self._server.loop, self._identify())
        if not task.done():  # eager tasks
            self._asking = task
            self._server.state.tasks.add(task)
            task.add_done_callback(self._server.state.tasks.discard)

    async def _identify(self) -> None:
        identity, refusal = None, None
        try:
            identity = await self._door.identify({**self._scope({}), **self._direct.scope})
        except Exception as error:
            refusal = self._door.refusal_of(error)
        except BaseException:  # it took too long, the client has gone, or the server stops
            if self._stop_asking():
                self._transport.close()
            raise
        if self._stop_asking():
            self._answer(identity, refusal)

    def ring(self) -> None:
        """`authenticate` takes too long. A thread that blocks cannot be ended: nobody waits for it any longer."""
        task = self._asking
        if self._stop_asking():
            if task:
                task.cancel()
            self._answer(None, self._door.took_too_long())

    def _stop_asking(self) -> bool:
        """False where it was stopped before."""
        tick, self._tick, self._asking = self._tick, 0, None
        if tick:
            timing_wheel(self._server.loop).clear(self, tick)
        return bool(tick)

    # -- what it gets

    def _answer(self, identity: Identity | None, refusal: Refusal | None) -> None:
        admission = self._door.admit(self._page, identity, refusal)
        delay = self._door.refusal_delay(self._address) if admission.refusal else 0
        if delay:
            self._timer = self._server.loop.call_later(delay, self._finish, admission)
        else:
            self._finish(admission)

    @property
    def _address(self) -> str:
        return (peer_address(self._transport) or ("",))[0]

    def _finish(self, admission: Admission) -> None:
        if self._transport.is_closing():
            return
        if admission.refusal and not any(name == b"origin" for name, _ in self._asked.headers):
            self._early = None
            self._transport.write(admission.refusal.response(self._server.state.default_headers))
            self._transport.close()
            return
        selected = [(SUBPROTOCOL, admission.subprotocol.encode())] if admission.subprotocol else []
        self._carry(admission, [*admission.headers, *selected])

    # -- its end

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        task = self._asking
        self._stop_asking()
        for waiting in (task, self._timer):
            if waiting:
                waiting.cancel()

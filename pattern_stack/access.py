"""Who may do what in create_app(): one `authenticate` and one `authorize` for sockets and REST calls alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from inspect import iscoroutine
from typing import Any, Literal

from fastapi import Depends, Request, params
from starlette.concurrency import run_in_threadpool

from pattern_stack.atoms.broadcast import Connection, Identity
from pattern_stack.atoms.broadcast.core.function_kind import runs_in_thread
from pattern_stack.errors import Forbidden, Unauthenticated

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION_CHANNELS = ("session:", "notifications:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a client asks for: a channel over a socket, or a REST call."""

    user: Any
    """What `authenticate` returned, or the user of the Identity that it returned; None if there is no `authenticate`."""
    action: Literal["subscribe", "read", "change"]
    """`read` is a REST call with GET, `change` one with any other method."""
    channel: str | None = None
    """The channel to subscribe to; None for a REST call."""
    path: str | None = None
    """The path of the REST call, like `/api/v1/runs/import/cancelled`; None for a channel."""
    session_id: str | None = None
    """The session that the channel or the call names: in its name or path, its query or its body. None if it names none."""


Authorize = Callable[[Access], Any]
"""Asked before every subscription and every REST call. It raises Forbidden, NotFound or Unauthenticated, or returns False,
to refuse; anything else that it returns allows. A coroutine function, or a plain function, which runs in a thread."""


def rest_dependencies(
    authenticate: Callable[..., Any] | None,
    authorize: Authorize | None,
    session_id: Callable[[str], object] = str,
) -> list[params.Depends]:
    """For `include_router(dependencies=...)`. `session_id` gives the one spelling of a session's id that the calls use.

    A call that names several sessions is asked about for each.
    """
    if authenticate is None and authorize is None:
        return []

    async def check(request: Request, who: Any = Depends(authenticate or _nobody)) -> None:  # noqa: B008
        identity = Identity.of(who)
        left = identity.seconds_left(time.time())
        if left is not None and left <= 0:
            raise Unauthenticated("expired")
        request.state.user_key = identity.key
        if authorize:
            for named in {str(session_id(one)): None for one in await _session_ids(request)} or [None]:
                await _ask(authorize, _call(request, identity.user, named))

    return [Depends(check)]


def channel_authorize(authorize: Authorize) -> Callable[[Connection, str], Any]:
    """The same question for a backend's `authorize=`. Raises TypeError if it is not a function."""

    def access(connection: Connection, channel: str) -> Access:
        return Access(user=connection.user, action="subscribe", channel=channel, session_id=_session_of(channel))

    if runs_in_thread(authorize, "authorize"):

        def ask(connection: Connection, channel: str) -> None:
            _allowed(authorize(access(connection, channel)))

        return ask

    async def wait(connection: Connection, channel: str) -> None:
        _allowed(await authorize(access(connection, channel)))

    return wait


def _nobody() -> None:
    return None


def _call(request: Request, user: Any, session_id: str | None) -> Access:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    action: Literal["read", "change"] = "read" if request.method in _READING else "change"
    return Access(user=user, action=action, path=path, session_id=session_id)


async def _session_ids(request: Request) -> list[str]:
    """All that the call names, wherever it does: which of them it uses is not for this function to know."""
    found = [
        request.path_params.get("session_id"),
        *request.query_params.getlist("session_id"),
        await _in_body(request),
    ]
    return [str(one) for one in found if one is not None]


async def _in_body(request: Request) -> Any:
    """A call that takes a body has it parsed already, so this is no other text than the call gets."""
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        return None
    return body.get("session_id") if isinstance(body, dict) else None


def _session_of(channel: str) -> str | None:
    return next((channel.removeprefix(name) for name in _SESSION_CHANNELS if channel.startswith(name)), None)


async def _ask(authorize: Authorize, access: Access) -> None:
    in_thread = runs_in_thread(authorize, "authorize")
    _allowed(await run_in_threadpool(authorize, access) if in_thread else await authorize(access))


def _allowed(answer: Any) -> None:
    if iscoroutine(answer):
        answer.close()
        raise TypeError("authorize returned a coroutine: it has to be a coroutine function itself")
    if answer is False:
        raise Forbidden("not allowed")

"""What an application hands over to `get_router`: checked when it is declared, and called in one way."""

from collections.abc import Callable
from functools import partial
from inspect import isawaitable, signature
from typing import Any

from anyio import to_thread
from fastapi.routing import APIWebSocketRoute

from pattern_stack.atoms.broadcast.core.function_kind import runs_in_thread
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.instance.loop import foreign_code


def name_of(call: object) -> str:
    return getattr(call, "__qualname__", None) or type(call).__qualname__


def check_token_function(verify: Callable[[str], Any]) -> bool:
    """Whether it is a plain function, which runs in a thread. Raises TypeError unless it can be called with a token."""
    plain = runs_in_thread(verify, "verify_token")
    try:
        parameters = signature(verify)
    except ValueError:  # some that are written in C have none
        return plain
    try:
        parameters.bind("token")
    except TypeError as error:
        raise TypeError(f"verify_token={name_of(verify)} is called with a token alone: {error}") from None
    return plain


async def call_token_function(verify: Callable[[str], Any], plain: bool, token: str) -> Identity:
    """What it makes of the token. Raises what it raises. A thread that it blocks goes on where this is cancelled."""
    with foreign_code():
        if not plain:
            return Identity.of(await verify(token))
        value = await to_thread.run_sync(partial(verify, token), abandon_on_cancel=True)
        return Identity.of(await value if isawaitable(value) else value)


def check_dependency(authenticate: object, route: APIWebSocketRoute) -> None:
    """Raises TypeError where a handshake cannot give what `authenticate`, or a dependency of it, asks for."""
    pending = list(route.dependant.dependencies)
    while pending:
        dependant = pending.pop()
        pending += dependant.dependencies
        if dependant.request_param_name is not None:
            wish = f"{dependant.request_param_name}: Request"
        elif dependant.body_params:
            wish = f"a body ({', '.join(field.name for field in dependant.body_params)})"
        else:
            continue
        raise TypeError(
            f"authenticate={name_of(authenticate)}: {name_of(dependant.call)} asks for {wish}, which a WebSocket handshake "
            "does not have. For headers, cookies and the query take `connection: HTTPConnection`"
        )

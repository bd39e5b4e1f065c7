"""Which endpoint of an application a test means, and the loop that it is on."""

import asyncio
from typing import Any, NamedTuple

from starlette.routing import NoMatchFound

from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.transports.endpoint import Endpoint, endpoints_of


class Target(NamedTuple):
    app: Any
    path: str
    instance: Instance

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """None while the hub is on no loop."""
        return self.instance.loop_owner.loop if self.instance.loop_owner.is_owned else None


def target_of(app: Any, path: str | None) -> Target:
    """Raises LookupError for an application that includes no router of a backend."""
    app = getattr(app, "app", app)  # a TestClient has it
    endpoints = list(endpoints_of(getattr(app, "routes", ())))
    if not endpoints:
        raise LookupError("this application includes no broadcast.get_router()")
    there = [(_path_of(app, endpoint), endpoint) for endpoint in endpoints]
    for found, endpoint in there:
        if path is None or found == path.partition("?")[0]:
            return Target(app, path or found, endpoint._instance)
    raise LookupError(f"no broadcast endpoint at {path}; there is {', '.join(found for found, _ in there)}")


def _path_of(app: Any, endpoint: Endpoint) -> str:
    try:
        return str(app.url_path_for(endpoint.name))
    except NoMatchFound:  # it has parameters, or is mounted
        return endpoint.path

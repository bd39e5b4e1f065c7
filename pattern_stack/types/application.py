"""The document of an application that is named as `module:app`."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import isfunction
from pathlib import Path
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.asyncapi.document import Document, document_of
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.transports.endpoint import endpoints_of


class NoApplication(Exception):
    """The message says what is wrong with the name, or with what it names."""


def document_at(name: str, *, only: Iterable[str] = ()) -> Document:
    """What `/asyncapi.json` of the application says, without its servers. Several backends of one application are in one
    document. Nothing is served: the lifespan does not run. `only`: the patterns to describe; none are all.

    Raises NoApplication, and whatever the module raises when it is imported.
    """
    app = _loaded(name)
    found = list(_channels(app))
    if not found:
        raise NoApplication(f"{name} includes no broadcast.get_router(), and is no WebSocketBroadcastBackend")
    specs = [spec for channels in found for spec in channels]
    if wanted := set(only):
        specs = [spec for spec in specs if str(spec.pattern) in wanted]
        if missing := wanted - {str(spec.pattern) for spec in specs}:
            raise NoApplication(f"{name} declares no channel {', '.join(sorted(missing))}")
    title, version = getattr(app, "title", name), getattr(app, "version", "0")
    try:
        return document_of(specs, title=title, version=version)
    except PydanticInvalidForJsonSchema as error:
        raise NoApplication(f"a declared type has no JSON Schema: {error}") from error


def _loaded(name: str) -> Any:
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise NoApplication(f"{name} is not of the form MODULE:APP, like main:app")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise NoApplication(f"there is no module {error.name}, seen from {here}") from None
    for part in path.split("."):
        if not hasattr(found, part):
            raise NoApplication(f"{module} has no {path}")
        found = getattr(found, part)
    return found() if isfunction(found) else found  # a factory


def _channels(app: Any) -> Iterator[Channels]:
    """Those of each backend whose router the application includes, once each."""
    if isinstance(app, WebSocketBroadcastBackend):
        yield app._channels
        return
    routes = () if isinstance(app, type) else getattr(app, "routes", ())
    yield from dict.fromkeys(endpoint._instance.channels for endpoint in endpoints_of(routes))

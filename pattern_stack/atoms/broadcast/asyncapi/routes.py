"""GET /asyncapi.json and the page /asyncapi."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from pattern_stack import pages
from pattern_stack.atoms.broadcast.asyncapi.document import Document, document_of
from pattern_stack.atoms.broadcast.core.channels import Channels

PROTOCOLS = {"websocket": "ws", "sse": "http"}
"""By the names of the servers in the document; over TLS with an `s`."""


def add_routes(router: APIRouter, path: str, channels: Channels, lanes: Mapping[str, str]) -> None:
    """The page at `path`, what it loads below it, and the document at `path` with `.json`.

    `lanes`: the paths of the endpoints, by the names in PROTOCOLS.
    """
    made = _Made(channels)

    async def document(request: Request) -> Response:
        prefix = request.url.path.removesuffix(f"{path}.json")
        scheme = "s" if request.url.scheme == "https" else ""
        servers = {
            name: {"host": request.url.netloc, "pathname": prefix + at, "protocol": PROTOCOLS[name] + scheme}
            for name, at in lanes.items()
        }
        content = orjson.dumps({**made.document(request.app), "servers": servers})
        return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})

    router.add_api_route(f"{path}.json", document, methods=pages.METHODS, include_in_schema=False)
    router.add_api_route(
        path, pages.page("asyncapi"), methods=pages.METHODS, include_in_schema=False, name="page-asyncapi"
    )
    router.include_router(pages.asset_router(), prefix=path)


class _Made:
    """The document, made when it is first asked for, and anew where channels were declared since then."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._of = 0
        self._document: Document = {}

    def document(self, app: Any) -> Document:
        declared = list(self._channels)
        if not self._document or self._of != len(declared):
            title, version = getattr(app, "title", "pattern_stack"), getattr(app, "version", "0")
            self._document = document_of(declared, title=title, version=version)
            self._of = len(declared)
        return self._document

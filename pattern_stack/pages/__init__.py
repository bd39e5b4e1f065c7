"""The live pages: HTML, CSS and JavaScript files, served as they are.

Nothing is built or downloaded at run time. `assets/client.js` is the built TypeScript client: `make assets` updates it.
"""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

METHODS = ["GET", "HEAD"]
"""Of a route that serves a page."""

_HERE = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Allows nothing inline, nothing from other origins, and no string that becomes markup: the pages show untrusted text."""


_HERE_MARK = b"HERE/"
"""In a page that has its assets below its own path: the last part of that."""


class _File:
    def __init__(self, content: bytes, suffix: str) -> None:
        self._content = content
        self._type = _TYPES[suffix]
        self._headers = {
            "ETag": f'"{sha256(self._content).hexdigest()[:16]}"',
            "Cache-Control": "no-cache",  # revalidate each time, so that a page and its scripts are of one version
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def answer(self, request: Request) -> Response:
        if request.headers.get("If-None-Match") == self._headers["ETag"]:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, media_type=self._type, headers=self._headers)


def page(name: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a page. The file is read now."""
    content = (_HERE / f"{name}.html").read_bytes()

    async def answer(request: Request) -> Response:
        last = request.url.path.rsplit("/", 1)[-1].encode()
        return await _File(content.replace(_HERE_MARK, last + b"/"), ".html").answer(request)

    return answer


def get_router() -> APIRouter:
    """Routes of the features' pages, and of the assets that the pages load."""
    router = APIRouter(include_in_schema=False)
    for name in ("docs", "sessions", "notifications"):
        router.add_api_route(f"/{name}", page(name), methods=METHODS)
    router.include_router(asset_router())
    return router


def asset_router() -> APIRouter:
    """What the pages load, under /pages. All files are read now and looked up by name: no path of a request reaches the file
    system."""
    router = APIRouter(include_in_schema=False)
    assets = _HERE / "assets"
    files = {path.relative_to(assets).as_posix(): _File(path.read_bytes(), path.suffix) for path in assets.rglob("*.*")}

    @router.api_route("/pages/{name:path}", methods=METHODS)
    async def asset(name: str, request: Request) -> Response:
        if name not in files:
            raise HTTPException(404)
        return await files[name].answer(request)

    return router

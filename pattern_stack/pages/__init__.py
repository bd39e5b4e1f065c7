"""The live pages: HTML, CSS and JavaScript files, served as they are, but for the links to each other.

Nothing is built or downloaded at run time. `assets/client.js` is the built TypeScript client: `make assets` updates it.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from posixpath import dirname, relpath

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.routing import NoMatchFound

METHODS = ["GET", "HEAD"]
"""Of a route that serves a page."""

_HERE = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Allows nothing inline, nothing from other origins, and no string that becomes markup: the pages show untrusted text."""


TITLES = {
    "live": "Live",
    "sessions": "Sessions",
    "notifications": "Notifications",
    "fleet": "Fleet",
    "inspector": "Inspector",
    "docs": "REST calls",
    "asyncapi": "AsyncAPI",
}
"""Pages by the names of their routes, which are `page-` and these. Each page links to those that its application has."""

_NAV = b'<nav aria-label="Pages"></nav>'
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
    """The endpoint of a page. The file is read now. Its route is named `page-{name}`, unless it is given another name."""
    content = (_HERE / f"{name}.html").read_bytes()

    async def answer(request: Request) -> Response:
        here = _path_of(request, name) or request.url.path
        last = request.url.path.rsplit("/", 1)[-1].encode()  # of several pages of one name, this one
        shown = content.replace(_NAV, _nav(request, name, here)).replace(_HERE_MARK, last + b"/")
        return await _File(shown, ".html").answer(request)

    answer.__name__ = f"page-{name}"
    return answer


def _nav(request: Request, name: str, here: str) -> bytes:
    """Links to the pages of the application. They are relative, so they hold behind any prefix of a proxy."""
    links = []
    for other, title in TITLES.items():
        if (path := _path_of(request, other)) is not None:
            to = relpath(path, dirname(here))
            current = ' aria-current="page"' if other == name else ""
            links.append(f'<a href="{"./" if to == "." else escape(to)}"{current}>{title}</a>')
    return _NAV.replace(b"><", f">{''.join(links)}<".encode())


def _path_of(request: Request, name: str) -> str | None:
    try:
        return str(request.app.url_path_for(f"page-{name}"))
    except NoMatchFound:
        return None


def get_router() -> APIRouter:
    """Routes of the features' pages, and of the assets that the pages load."""
    router = APIRouter(include_in_schema=False)
    for name in ("docs", "sessions", "notifications", "fleet"):
        router.add_api_route(f"/{name}", page(name), methods=METHODS)
    router.include_router(asset_router())
    return router


@cache
def _assets() -> dict[str, _File]:
    """Once for all routers of this process."""
    assets = _HERE / "assets"
    return {path.relative_to(assets).as_posix(): _File(path.read_bytes(), path.suffix) for path in assets.rglob("*.*")}


def asset_router() -> APIRouter:
    """What the pages load, under /pages. All files were read before and are looked up by name: no path of a request reaches
    the file system."""
    router = APIRouter(include_in_schema=False)
    files = _assets()

    @router.api_route("/pages/{name:path}", methods=METHODS)
    async def asset(name: str, request: Request) -> Response:
        if name not in files:
            raise HTTPException(404)
        return await files[name].answer(request)

    return router

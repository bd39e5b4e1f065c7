"""The live pages: HTML, CSS and JavaScript as they stand here, without anything to build or to fetch from elsewhere."""

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
"""Nothing inline, nothing from elsewhere, and no text of a stranger that becomes markup: what a page shows is not trusted."""


class _File:
    def __init__(self, path: Path) -> None:
        self._content = path.read_bytes()
        self._type = _TYPES[path.suffix]
        self._headers = {
            "ETag": f'"{sha256(self._content).hexdigest()[:16]}"',
            "Cache-Control": "no-cache",  # ask each time: a page and its scripts are of one version
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def answer(self, request: Request) -> Response:
        if request.headers.get("If-None-Match") == self._headers["ETag"]:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, media_type=self._type, headers=self._headers)


def page(name: str) -> Callable[[Request], Awaitable[Response]]:
    """A route's function."""
    return _File(_HERE / f"{name}.html").answer


def get_router() -> APIRouter:
    """The pages of the features, and the files that all pages load.

    Files are read now and served by name, so that no path of a request ever reaches the disk.
    """
    router = APIRouter(include_in_schema=False)
    for name in ("docs", "sessions", "notifications"):
        router.add_api_route(f"/{name}", page(name), methods=METHODS)
    assets = _HERE / "assets"
    files = {one.relative_to(assets).as_posix(): _File(one) for one in assets.rglob("*.*")}

    @router.api_route("/pages/{name:path}", methods=METHODS)
    async def asset(name: str, request: Request) -> Response:
        if name not in files:
            raise HTTPException(404)
        return await files[name].answer(request)

    return router

"""How the pages and their assets are served."""

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

import pattern_stack.pages
import test_server
from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features import inspector

ASSETS = Path(pattern_stack.pages.__file__).parent / "assets"
PAGES = ["/", "/docs", "/sessions", "/notifications", "/fleet", "/asyncapi"]


def http() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(test_server.app), base_url="http://test")


class Loads(HTMLParser):
    """The URLs that a page loads, and its inline scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "link"):
            source = named.get("src") or named.get("href")
            self.loads.append(source) if source else self.inline.append(tag)
        self.inline += [name for name in named if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_everything_from_its_server_and_has_nothing_inline(path: str) -> None:
    async with http() as client:
        answer = await client.get(path)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        page = Loads(answer.text)
        assert page.inline == []
        seen, waiting = set(), [httpx2.URL(f"http://test{path}").join(one) for one in page.loads]
        while waiting:
            url = waiting.pop()
            assert url.host == "test"
            if url.path not in seen:
                seen.add(url.path)
                loaded = await client.get(url)
                assert loaded.status_code == 200, url
                waiting += [url.join(one) for one in re.findall(r'^import .* from "(.+)"$', loaded.text, re.MULTILINE)]
        assert len(seen) > 5
        assert any(one.endswith("/pages/client.js") for one in seen) == (path != "/docs")


@pytest.mark.parametrize("path", [*PAGES, "/pages/client.js"])
async def test_the_content_security_policy_allows_the_pages_own_server_alone(path: str) -> None:
    async with http() as client:
        answer = await client.get(path)
        policy = dict(one.strip().split(" ", 1) for one in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", [*PAGES, "/pages/style.css"])
async def test_head_is_answered_as_get_is_without_the_content(path: str) -> None:
    async with http() as client:
        get, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.headers) == (200, get.headers)


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
async def test_no_page_of_fastapi_is_served_for_they_load_from_elsewhere(path: str) -> None:
    async with http() as client:
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("style.css", "text/css"),
        ("client.js", "text/javascript"),
        ("sessions/tree.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_has_its_media_type_and_is_sent_once(name: str, type: str) -> None:
    async with http() as client:
        answer = await client.get(f"/pages/{name}")
        assert answer.headers["Content-Type"].partition(";")[0] == type
        assert answer.content == (ASSETS / name).read_bytes()
        again = await client.get(f"/pages/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nothing.js",
        "../__init__.py",
        "..%2f__init__.py",
        "%2e%2e/live.html",
        "sessions",
        "sessions/",
        "sessions/../../app.py",
        "/etc/passwd",
        "style.css/",
        "%00",
    ],
)
async def test_other_paths_are_not_found(name: str) -> None:
    async with http() as client:
        answer = await client.get(f"/pages/{name}")
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_no_script_parses_text_as_markup_or_code() -> None:
    for script in ASSETS.rglob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script.read_text()
        )


async def test_a_page_links_to_the_pages_that_its_application_has_wherever_they_are() -> None:
    app = FastAPI()
    app.add_api_route("/live/", pattern_stack.pages.page("live"))
    app.include_router(inspector.get_router(WebSocketBroadcastBackend(), dependencies=[]), prefix="/admin")
    app.add_api_route("/docs-of-calls", pattern_stack.pages.page("docs"))
    around = FastAPI()
    around.mount("/below", app)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(around), base_url="http://test") as client:
        for path in ("/below/live/", "/below/admin/inspector", "/below/docs-of-calls"):
            page = await client.get(path)
            links = re.findall(r'<a href="([^"]+)"( aria-current="page")?>([^<]+)</a>', page.text)
            assert [title for *_, title in links if title != "openapi.json"] == ["Live", "Inspector", "REST calls"]
            for href, current, _ in links[:3]:
                linked = await client.get(str(httpx2.URL(f"http://test{path}").join(href)), follow_redirects=True)
                assert linked.status_code == 200, href
                assert (linked.url.path.rstrip("/") == path.rstrip("/")) == bool(current)
        loads = Loads((await client.get("/below/admin/inspector")).text).loads
        for one in loads:
            loaded = await client.get(str(httpx2.URL("http://test/below/admin/inspector").join(one)))
            assert loaded.status_code == 200, one

"""A live page as its user sees it, and the network between it and its server."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import ARTIFACTS
from tests.support.patience import PATIENCE
from tests.support.proxy import Proxy

expect.set_options(timeout=1_000 * PATIENCE)


class LivePage:
    """An open page, connected. Errors and dialogs in it are collected in `faults`."""

    name = "live"

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.goto(url)
        self.expect_state("Live")

    def expect_state(self, text: str) -> None:
        """Wait until the top bar shows this connection state."""
        expect(self.page.locator("#state")).to_contain_text(text)

    def wait_until(self, condition: Callable[[], bool], message: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, message
            self.page.wait_for_timeout(10)  # Playwright delivers events meanwhile

    def expect_toast(self, kind: str, text: str) -> None:
        """Wait for the toast, and dismiss it."""
        toast = self.page.locator(f".toast[data-type={kind}]").filter(has_text=text)
        toast.get_by_role("button").click()
        expect(toast).to_have_count(0)

    def expect_no_injection(self) -> None:
        """No text became markup, and no script of it ran."""
        assert self.page.evaluate("[typeof hacked, document.images.length]") == ["undefined", 0]

    def finish_flashes(self) -> None:
        self.page.evaluate(
            "for (const one of document.getAnimations()) if (one.animationName === 'flash') one.finish()"
        )

    def screenshot(self, name: str) -> None:
        self.page.screenshot(path=ARTIFACTS / f"{self.name}-{name}.png", full_page=True)

    def fits_width(self) -> bool:
        """Whether the page needs no horizontal scrolling."""
        fits: bool = self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        return fits


VIEWPORTS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 860}},
    "narrow": {"viewport": {"width": 375, "height": 900}, "device_scale_factor": 2},
}

HOSTILE = "<img src=x onerror='hacked=1'><script>hacked=1</script>"


class RestClient:
    """Calls the server's REST API, as a program would."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.Client(base_url=f"{url}/api/v1", timeout=PATIENCE)

    def get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()

    def delete(self, path: str) -> None:
        self._http.delete(path).raise_for_status()

    def close(self) -> None:
        self._http.close()


class SyncProxy:
    """A proxy on an event loop in another thread, because Playwright runs in this one."""

    def __init__(self, target: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxy = Proxy(target)
        self.restore()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self._proxy.port}"

    def cut(self) -> None:
        """Break every connection, and refuse new ones until `restore`."""

        async def refuse() -> None:
            self._proxy.refuse()

        self._run(refuse())

    def restore(self) -> None:
        self._run(self._proxy.restore())

    def close(self) -> None:
        self._run(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

"""A real browser, driven by Playwright."""

from playwright.sync_api import Browser, Playwright

from tests.support.process import ROOT
from tests.support.programs import program

ARTIFACTS = ROOT / "artifacts"
"""Where screenshots are kept."""

_FLAGS = [
    "--headless",
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright, *, back_forward_cache: bool = False) -> Browser:
    """The system's Chromium, with a new profile. It ends with Playwright, and that with the test run.

    Playwright switches the back-forward cache off by default.
    """
    ignored = ["--disable-back-forward-cache"] if back_forward_cache else None
    return playwright.chromium.launch(executable_path=program("chromium"), args=_FLAGS, ignore_default_args=ignored)

"""The sessions page shows which instance owns the session, and goes on where that is killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.sessions import SessionsPage
from tests.support.balancer import Balancer
from tests.support.instances import Instance, instances
from tests.support.redis.server import RedisServer

Site = tuple[list[Instance], Balancer]


@pytest.fixture
def sites(redis_server: RedisServer, tmp_path: Path) -> Iterator[Site]:
    """Three instances behind a balancer."""
    database = f"sqlite+aiosqlite:///{tmp_path}/projects.db"
    with (
        instances(3, BROADCAST_URL=redis_server.url, PATTERN_STACK_DATABASE_URL=database) as each,
        Balancer([one.port for one in each]) as balancer,
    ):
        balancer.until_serving(*(one.port for one in each))
        yield each, balancer


def test_two_browsers_go_on_when_the_owner_is_killed(
    browser: Browser, other_browser: Browser, sites: Site, open_page: Open
) -> None:
    each, balancer = sites
    for one in each[1:]:
        balancer.spare(one.port)
    page: SessionsPage = open_page(browser, f"{balancer.http}/sessions", SessionsPage)
    page.create_project()
    root = page.outline()[0][1]
    owner = page.page.locator("#instance").text_content()
    assert owner
    for one in each[1:]:
        balancer.use(one.port)
    balancer.spare(each[0].port)
    other: SessionsPage = open_page(other_browser, f"{balancer.http}/sessions#{page.session_id}", SessionsPage)
    expect(other.page.locator("#instance")).to_have_text(owner)
    page.add(root, "Teardown", "phase")
    expect(other.node("Teardown")).to_be_visible()
    for one in (page, other):
        one.page.evaluate("window.loaded = true")
    each[0].kill()
    for one in (page, other):
        expect(one.page.locator("#instance")).not_to_have_text(owner)
        one.expect_client_count(2)
        one.expect_state("Live")
    other.add("Teardown", "Strip interior", "job")
    expect(page.node("Strip interior")).to_be_visible()
    page.press("Undo")
    other.expect_node_count(2)
    page.expect_outline(other.outline())
    page.screenshot("taken-over")
    assert all(one.page.evaluate("window.loaded") for one in (page, other)), "no page was loaded again"

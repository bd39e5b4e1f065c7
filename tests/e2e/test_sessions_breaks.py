"""The sessions page during network failures, server restarts, and changes that are too big for events."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import RestClient, SyncProxy
from tests.e2e.sessions import Project, SessionsPage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> SessionsPage:
    page: SessionsPage = open_page(browser, f"{site.http}/sessions", SessionsPage)
    return page


def test_missed_events_are_recovered(
    browser: Browser, other_browser: Browser, proxy: SyncProxy, site: Instance, rest: RestClient, open_page: Open
) -> None:
    page: SessionsPage = open_page(browser, f"{proxy.http}/sessions", SessionsPage)
    project = Project(rest, page.create_project())
    phase = project.add(project.root, "phase", "Teardown")
    page.expect_node_count(2)
    other: SessionsPage = open_page(other_browser, f"{site.http}/sessions#{page.session_id}", SessionsPage)
    proxy.cut()
    other.expect_client_count(1)
    page.expect_state("Reconnecting, data as of")
    page.screenshot("reconnecting")
    project.status(phase, "phase", "In progress")
    job = project.add(phase, "job", "Strip interior")
    project.delete(project.add(phase, "job", "Not this one"))
    project.add(job, "task", "Remove seats")
    frames: list[str] = []
    page.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    proxy.restore()
    page.expect_state("Live")
    page.expect_node_count(4)
    page.expect_outline(project.outline())
    offsets = page.offsets()
    assert offsets == list(range(offsets[0], offsets[-1] - 1, -1))
    expect(page.page.locator("#events .note")).to_have_count(0)  # no events were missed
    expect(page.flashing("Remove seats")).to_have_count(1)
    page.expect_client_count(2)
    page.wait_until(lambda: any('"snapshot"' in frame for frame in frames), "it did not ask for its connection id")
    page.add("Strip interior", "Lift the carpet")
    expect(page.author("Lift the carpet")).to_have_text("You")
    who = other.page.locator("#here .person:not(.you)").text_content()  # the page's origin is its new connection id
    expect(other.author("Lift the carpet")).to_have_text(str(who))
    expect(page.flashing("Lift the carpet")).to_have_count(0)


def test_the_session_is_read_again_if_events_cannot_be_recovered(
    browser: Browser, proxy: SyncProxy, site: Instance, rest: RestClient, open_page: Open
) -> None:
    page: SessionsPage = open_page(browser, f"{proxy.http}/sessions", SessionsPage)
    project = Project(rest, page.create_project())
    proxy.cut()
    page.expect_state("Reconnecting")
    phase = project.add(project.root, "phase", "Teardown")
    for count in range(200):  # three events each: more than the 512 that the history keeps
        project.set(phase, "description", f"Version {count}")
    proxy.restore()
    page.expect_state("Live")
    expect(page.page.locator("#events .note")).to_have_text(re.compile("events were missed"))
    page.expect_outline(project.outline())
    page.select("Teardown")
    expect(page.page.get_by_label("Description")).to_have_value("Version 199")


def test_a_project_is_opened_again_after_the_server_was_killed(
    page: SessionsPage, other_browser: Browser, site: Instance, rest: RestClient, open_page: Open
) -> None:
    page.create_project()
    other: SessionsPage = open_page(other_browser, page.page.url, SessionsPage)
    page.add("Porsche 912", "Bodywork")
    other.expect_node_count(2)
    page.press("Save project")
    expect(page.page.get_by_role("button", name="Saved")).to_be_visible()
    site.kill()
    page.expect_state("Reconnecting")
    page.expect_node_count(2)
    site.start()
    for each in [page, other]:  # sessions end with the server, saved projects do not
        expect(each.page.locator("#gone-why")).to_contain_text("as it was last saved")
        each.screenshot("gone")
        each.press("Open the project again")
        each.expect_node_count(2)
    assert page.session_id == other.session_id
    page.expect_client_count(2)
    other.add("Bodywork", "Floor pans")
    page.expect_node_count(3)


def test_closed_and_unknown_sessions_are_reported(page: SessionsPage, other_browser: Browser, open_page: Open) -> None:
    page.create_project()
    other: SessionsPage = open_page(other_browser, page.page.url, SessionsPage)
    other.expect_node_count(1)
    page.press("Close session")
    other.expect_client_count(2)  # it asks for confirmation first
    page.press("Close for everyone?")
    for each in [page, other]:
        expect(each.page.locator("#gone-why")).to_have_text("The session was closed.")
        expect(each.page.locator("#sessions-empty")).to_be_visible()
    for wrong in ["00000000-0000-4000-8000-000000000000", "x", "a b"]:
        page.page.evaluate(f"location.hash = '{wrong}'")
        expect(page.page.locator("#gone-why")).to_have_text("There is no such session.")
        expect(page.page).to_have_url(re.compile("/sessions#?$"))
    page.create_project("Another one")


def test_the_graph_is_read_again_after_a_big_change(page: SessionsPage, rest: RestClient) -> None:
    project = Project(rest, page.create_project())
    phase = project.add(project.root, "phase", "Teardown")
    for count in range(260):
        project.add(phase, "job", f"Job {count}")
    page.expect_node_count(262)
    page.select("Teardown")
    page.press("Delete")
    page.expect_node_count(1)
    page.expect_outline(project.outline())
    page.press("Show all")
    expect(page.page.locator("#events").get_by_text("graph-changed")).to_have_count(1)
    page.page.get_by_label("Customer").press_sequentially("Ann")
    rest.post(f"/sessions/{page.session_id}/undo")
    page.expect_node_count(262)
    page.expect_outline(project.outline())
    expect(page.page.get_by_label("Customer")).to_have_value("Ann")  # input is kept

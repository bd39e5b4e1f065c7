"""What a session's page makes of breaks, restarts, and what is too much to tell."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import Line, Reporter
from tests.e2e.sessions import Project, SessionsPage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> SessionsPage:
    one: SessionsPage = open_page(browser, f"{site.http}/sessions", SessionsPage)
    return one


def test_a_break_is_recovered_by_position(
    browser: Browser, line: Line, site: Instance, reporter: Reporter, open_page: Open
) -> None:
    page: SessionsPage = open_page(browser, f"{line.http}/sessions", SessionsPage)
    project = Project(reporter, page.begin())
    phase = project.add(project.root, "phase", "Teardown")
    page.nodes(2)
    line.cut()
    page.is_("Reconnecting: as of")
    page.shot("reconnecting")
    project.status(phase, "phase", "In progress")
    job = project.add(phase, "job", "Strip interior")
    project.delete(project.add(phase, "job", "Not this one"))
    project.add(job, "task", "Remove seats")
    line.mend()
    page.is_("Live")
    page.nodes(4)
    page.shows(project.outline())
    offsets = page.offsets()
    assert offsets == list(range(offsets[0], offsets[-1] - 1, -1))
    expect(page.page.locator("#events .note")).to_have_count(0)  # no continuity was lost
    expect(page.flashes("Remove seats")).to_have_count(1)
    page.here(1)
    page.add("Strip interior", "Lift the carpet")
    expect(page.by("Lift the carpet")).to_have_text("You")
    expect(page.flashes("Lift the carpet")).to_have_count(0)


def test_a_break_too_long_is_told_and_read_anew(
    browser: Browser, line: Line, site: Instance, reporter: Reporter, open_page: Open
) -> None:
    page: SessionsPage = open_page(browser, f"{line.http}/sessions", SessionsPage)
    project = Project(reporter, page.begin())
    line.cut()
    page.is_("Reconnecting")
    phase = project.add(project.root, "phase", "Teardown")
    for count in range(100):  # of three events each: more than the history keeps
        project.set(phase, "description", f"Version {count}")
    line.mend()
    page.is_("Live")
    expect(page.page.locator("#events .note")).to_have_text(re.compile("continuity was lost"))
    page.shows(project.outline())
    page.select("Teardown")
    expect(page.page.get_by_label("Description")).to_have_value("Version 99")


def test_a_server_that_was_killed_and_is_back(
    page: SessionsPage, other_browser: Browser, site: Instance, reporter: Reporter, open_page: Open
) -> None:
    page.begin()
    other: SessionsPage = open_page(other_browser, page.page.url, SessionsPage)
    page.add("Porsche 912", "Bodywork")
    other.nodes(2)
    page.press("Save project")
    expect(page.page.get_by_role("button", name="Saved")).to_be_visible()
    site.kill()
    page.is_("Reconnecting")
    page.nodes(2)
    site.start()
    for each in [page, other]:  # sessions live as long as the server; what was saved does not
        expect(each.page.locator("#gone-why")).to_contain_text("as it was saved last")
        each.shot("gone")
        each.press("Open its project again")
        each.nodes(2)
    assert page.session_id == other.session_id
    page.here(2)
    other.add("Bodywork", "Floor pans")
    page.nodes(3)


def test_a_closed_session_and_one_that_never_was(page: SessionsPage, other_browser: Browser, open_page: Open) -> None:
    page.begin()
    other: SessionsPage = open_page(other_browser, page.page.url, SessionsPage)
    other.nodes(1)
    page.press("Close session")
    other.here(2)  # it asks first
    page.press("Close it for everybody?")
    for each in [page, other]:
        expect(each.page.locator("#gone-why")).to_have_text("The session was closed.")
        expect(each.page.locator("#sessions-empty")).to_be_visible()
    for wrong in ["00000000-0000-4000-8000-000000000000", "x", "a b"]:
        page.page.evaluate(f"location.hash = '{wrong}'")
        expect(page.page.locator("#gone-why")).to_have_text("That session is not there.")
        expect(page.page).to_have_url(re.compile("/sessions#?$"))
    page.begin("Another one")


def test_what_changes_a_great_deal_is_read_anew(page: SessionsPage, reporter: Reporter) -> None:
    project = Project(reporter, page.begin())
    phase = project.add(project.root, "phase", "Teardown")
    for count in range(260):
        project.add(phase, "job", f"Job {count}")
    page.nodes(262)
    page.select("Teardown")
    page.press("Delete")
    page.nodes(1)
    page.shows(project.outline())
    page.press("Show all")
    expect(page.page.locator("#events").get_by_text("graph-changed")).to_have_count(1)
    page.page.get_by_label("Customer").press_sequentially("Ann")
    reporter.post(f"/sessions/{page.session_id}/undo")
    page.nodes(262)
    page.shows(project.outline())
    expect(page.page.get_by_label("Customer")).to_have_value("Ann")  # what is being typed stays

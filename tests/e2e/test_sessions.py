"""The sessions page in real browsers."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, VIEWPORTS, RestClient
from tests.e2e.sessions import Project, SessionsPage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> SessionsPage:
    page: SessionsPage = open_page(browser, f"{site.http}/sessions", SessionsPage)
    return page


@pytest.fixture
def other(
    page: SessionsPage, project: Project, other_browser: Browser, site: Instance, open_page: Open
) -> SessionsPage:
    """The same project in another browser."""
    other: SessionsPage = open_page(other_browser, f"{site.http}/sessions", SessionsPage)
    other.page.get_by_role("link", name=page.session_id[:8]).click()
    for each in (page, other):
        each.expect_node_count(1)
        each.expect_client_count(2)
    return other


@pytest.fixture
def project(page: SessionsPage, rest: RestClient) -> Project:
    return Project(rest, page.create_project())


def test_each_browser_shows_the_others_changes(page: SessionsPage, other: SessionsPage, project: Project) -> None:
    page.add("Porsche 912", "Bodywork")
    expect(other.flashing("Bodywork")).to_have_count(1)
    expect(page.flashing("Bodywork")).to_have_count(0)  # not for the page's own changes
    expect(page.author("created Phase")).to_have_text("You")
    other.add("Bodywork", "Floor pans")
    who = page.page.locator("#here .person:not(.you)").text_content()  # the page's origin is its connection id
    expect(page.author("created Job")).to_have_text(str(who))
    page.add("Floor pans", "Cut out rust")
    other.set("Cut out rust", "Status", "Done")
    expect(page.node("Cut out rust").locator(".tag")).to_have_text("Done")
    for each in (page, other):
        each.expect_outline(project.outline())

    offsets = page.offsets()
    assert offsets == list(range(offsets[0], offsets[-1] - 1, -1))
    expect(other.page.locator("#position")).to_have_text(f"at {offsets[0]}")
    other.page.get_by_role("link", name="All sessions").click()
    page.expect_client_count(1)


def test_each_browser_shows_where_the_other_is_and_that_it_types(page: SessionsPage, other: SessionsPage) -> None:
    page.add("Porsche 912", "Bodywork")
    other.select("Bodywork")
    expect(page.cursors("Bodywork")).to_have_count(1)
    expect(other.cursors("Bodywork")).to_have_count(0)  # not the page's own
    who = str(page.page.locator("#here .person:not(.you)").text_content())
    expect(page.cursors("Bodywork")).to_have_text(who)
    page.select("Porsche 912")
    expect(other.cursors("Porsche 912")).to_have_count(1)
    other.page.get_by_label("Name of the new child").press_sequentially("Floor")
    expect(page.page.locator(".cursors .person.typing")).to_have_count(1)
    page.screenshot("cursors")
    page.node("Bodywork").click()
    other.page.get_by_role("link", name="All sessions").click()
    expect(page.page.locator(".cursors .person")).to_have_count(0)


def test_each_browser_can_undo_and_redo_the_others_changes(page: SessionsPage, other: SessionsPage) -> None:
    both = (page, other)
    page.add("Porsche 912", "Bodywork")
    page.add("Bodywork", "Floor pans")
    page.add("Floor pans", "Cut out rust")
    page.set("Cut out rust", "Estimated hours", "7.5")
    other.select("Cut out rust")
    expect(other.page.get_by_label("Estimated hours")).to_have_value("7.5")
    other.press("Undo")
    page.select("Cut out rust")
    for each in both:
        expect(each.page.get_by_label("Estimated hours")).to_have_value("")
    page.press("Redo")
    for each in both:
        expect(each.page.get_by_label("Estimated hours")).to_have_value("7.5")
        expect(each.page.get_by_role("button", name="Redo")).to_be_disabled()


def test_both_browsers_show_moved_deleted_and_restored_branches(
    page: SessionsPage, other: SessionsPage, project: Project
) -> None:
    both = (page, other)
    page.add("Porsche 912", "Bodywork")
    page.add("Bodywork", "Floor pans")
    page.add("Floor pans", "Cut out rust")
    page.set("Cut out rust", "Status", "Done")
    other.select("Floor pans")
    other.press("Make a root")
    for each in both:
        each.expect_outline(
            [
                [1, "Porsche 912", "Planning"],
                [2, "Bodywork", "Not started"],
                [1, "Floor pans", "To do"],
                [2, "Cut out rust", "Done"],
            ]
        )
    page.select("Floor pans")
    page.page.get_by_label("Move under").select_option("Bodywork")
    page.select("Bodywork")
    page.press("Delete")
    for each in both:
        each.expect_outline([[1, "Porsche 912", "Planning"]])
    other.press("Undo")
    for each in both:
        each.expect_node_count(4)
        each.expect_outline(project.outline())
        assert len(each.outline()) == 4


def test_input_is_kept_while_others_change_the_node(page: SessionsPage, rest: RestClient) -> None:
    project = Project(rest, page.create_project())
    field = page.page.get_by_label("Customer")
    field.press_sequentially("Ann")
    project.set(project.root, "customer", "Bob")
    project.set(project.root, "vehicle", "912")
    expect(page.page.get_by_label("Vehicle")).to_have_value("912")
    expect(field).to_have_value("Ann")
    field.press("Enter")
    project.set(project.root, "description", "A marker")
    expect(page.page.get_by_label("Description")).to_have_value("A marker")
    assert rest.get(f"/sessions/{page.session_id}/graph")["roots"][0]["properties"]["customer"] == "Ann"


def test_a_refused_value_is_shown_and_undone(page: SessionsPage, rest: RestClient) -> None:
    Project(rest, page.create_project())
    budget = page.page.get_by_label("Budget")
    expect(budget).to_have_value("0")
    budget.fill("")
    budget.press("Enter")
    page.expect_toast("error", "budget is an amount")
    expect(budget).to_have_value("0")
    expect(page.page.locator("#events").get_by_text("refused")).to_have_count(1)


def test_hostile_text_stays_text(page: SessionsPage, rest: RestClient) -> None:
    project = Project(rest, page.create_project(HOSTILE))
    project.add(project.root, "phase", HOSTILE)
    project.set(project.root, "customer", HOSTILE)
    page.expect_node_count(2)
    expect(page.page.get_by_label("Customer")).to_have_value(HOSTILE)
    expect(page.page.locator("#title")).to_have_text(HOSTILE)
    free = rest.post("/sessions")["session_id"]
    node = rest.post(f"/sessions/{free}/nodes", blueprint_type_id=HOSTILE, name=HOSTILE)["id"]
    rest.post(f"/sessions/{free}/nodes/{node}/properties", property_id="status", value=HOSTILE)
    rest.post(f"/sessions/{free}/nodes/{node}/properties", property_id=HOSTILE, value={HOSTILE: HOSTILE})
    page.page.evaluate(f"location.hash = '{free}'")
    page.expect_outline([[1, HOSTILE, HOSTILE]])
    page.expect_no_injection()


def test_a_session_without_a_template(page: SessionsPage) -> None:
    page.press("create an empty session")
    page.page.get_by_role("button", name="Add a root").click()
    page.page.get_by_label("Name of the new root").fill("Anything")
    page.press("Add")
    page.expect_node_count(1)
    page.select("Anything")
    page.page.get_by_label("Name of the new property").fill("colour")
    page.page.get_by_label("Value of the new property").fill("red")
    page.press("Set")
    expect(page.page.get_by_label("colour")).to_have_value("red")
    page.add("Anything", "A child")
    page.expect_outline([[1, "Anything", ""], [2, "A child", ""]])


def test_collapsed_nodes_stay_collapsed(page: SessionsPage, rest: RestClient) -> None:
    project = Project(rest, page.create_project())
    phase = project.add(project.root, "phase", "Teardown")
    job = project.add(phase, "job", "Strip interior")
    page.expect_node_count(3)
    page.select("Teardown")
    page.page.keyboard.press("ArrowLeft")
    expect(page.node("Strip interior")).to_be_hidden()
    project.status(job, "job", "Done")
    project.add(phase, "job", "Lift the engine")
    project.add(job, "task", "Remove seats")
    page.expect_node_count(5)
    expect(page.node("Lift the engine")).to_be_hidden()
    page.page.keyboard.press("ArrowRight")
    expect(page.node("Lift the engine")).to_be_visible()
    page.expect_outline(project.outline())


def test_the_tree_works_with_the_keyboard(page: SessionsPage, rest: RestClient) -> None:
    project = Project(rest, page.create_project())
    for phase in ["Teardown", "Bodywork"]:
        project.add(project.add(project.root, "phase", phase), "job", f"A job of {phase}")
    page.expect_node_count(5)
    page.page.get_by_role("button", name="Add a root").focus()
    keys = page.page.keyboard
    keys.press("Tab")
    chosen = page.page.get_by_role("treeitem", selected=True).locator("> .row .name")
    for key, name in [
        ("ArrowRight", "Teardown"), ("ArrowDown", "A job of Teardown"), ("ArrowDown", "Bodywork"), ("End", "A job of Bodywork"),
        ("ArrowLeft", "Bodywork"), ("ArrowLeft", "Bodywork"), ("ArrowUp", "A job of Teardown"), ("Home", "Porsche 912"),
    ]:  # fmt: skip
        keys.press(key)
        expect(chosen).to_have_text(name)
    expect(page.node("A job of Bodywork")).to_be_hidden()
    keys.press("Enter")
    keys.type("Paint")
    keys.press("Enter")
    page.expect_node_count(6)
    page.page.get_by_role("treeitem", selected=True).focus()
    keys.press("End")
    expect(chosen).to_have_text("Paint")
    keys.press("Delete")
    page.expect_node_count(5)
    expect(chosen).to_have_text("Bodywork")
    keys.press("Control+z")
    page.expect_node_count(6)
    keys.press("Control+Shift+Z")
    page.expect_node_count(5)


@pytest.mark.parametrize("size", VIEWPORTS)
def test_screenshots(browser: Browser, site: Instance, rest: RestClient, open_page: Open, size: str) -> None:
    page: SessionsPage = open_page(browser, f"{site.http}/sessions", SessionsPage, **VIEWPORTS[size])
    rest.post("/sessions")
    expect(page.page.locator("#sessions li")).to_have_count(1)
    page.screenshot(f"{size}-choose")
    project = Project(rest, page.create_project("Porsche 912, 1968"))
    root = project.root
    phases = [
        project.add(root, "phase", name) for name in ["Teardown", "Bodywork", "Engine and drivetrain", "Assembly"]
    ]
    strip = project.add(phases[0], "job", "Strip interior")
    for name in ["Remove seats", "Lift the carpet"]:
        project.status(project.add(strip, "task", name), "task", "Done")
    pans = project.add(phases[1], "job", "Floor pans")
    rust = project.add(pans, "task", "Cut out rust")
    for name in ["Left floor pan", "Right floor pan"]:
        project.status(project.add(rust, "part", name), "part", "Ordered")
    project.add(phases[2], "job", "Rebuild the engine")
    project.status(phases[0], "phase", "Done")
    project.status(phases[1], "phase", "In progress")
    project.status(pans, "job", "Blocked")
    page.expect_node_count(13)
    other: SessionsPage = open_page(browser, page.page.url, SessionsPage)
    other.set("Cut out rust", "Status", "In progress")
    page.set("Cut out rust", "Description", "Both sides, up to the sill")
    page.expect_client_count(2)
    expect(page.page.locator("#events").get_by_text("set Description")).to_have_count(1)
    for scheme in ["light", "dark"]:
        page.finish_flashes()
        page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(f"{size}-{scheme}")
    assert page.fits_width()

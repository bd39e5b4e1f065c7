"""The page on which several people edit one project, in real browsers."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, LOOKS, Reporter
from tests.e2e.sessions import Project, SessionsPage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> SessionsPage:
    one: SessionsPage = open_page(browser, f"{site.http}/sessions", SessionsPage)
    return one


@pytest.fixture
def other(
    page: SessionsPage, project: Project, other_browser: Browser, site: Instance, open_page: Open
) -> SessionsPage:
    """On the same project, in another browser."""
    one: SessionsPage = open_page(other_browser, f"{site.http}/sessions", SessionsPage)
    one.page.get_by_role("link", name=page.session_id[:8]).click()
    for each in (page, one):
        each.nodes(1)
        each.here(2)
    return one


@pytest.fixture
def project(page: SessionsPage, reporter: Reporter) -> Project:
    return Project(reporter, page.begin())


def test_what_one_does_the_other_shows(page: SessionsPage, other: SessionsPage, project: Project) -> None:
    page.add("Porsche 912", "Bodywork")
    expect(other.flashes("Bodywork")).to_have_count(1)
    expect(page.flashes("Bodywork")).to_have_count(0)  # its own doing
    expect(page.by("created Phase")).to_have_text("You")
    other.add("Bodywork", "Floor pans")
    who = page.page.locator("#here .person:not(.you)").text_content()  # who came is who did it
    expect(page.by("created Job")).to_have_text(str(who))
    page.add("Floor pans", "Cut out rust")
    other.set("Cut out rust", "Status", "Done")
    expect(page.node("Cut out rust").locator(".tag")).to_have_text("Done")
    for each in (page, other):
        each.shows(project.outline())

    offsets = page.offsets()
    assert offsets == list(range(offsets[0], offsets[-1] - 1, -1))
    expect(other.page.locator("#position")).to_have_text(f"at {offsets[0]}")
    other.page.get_by_role("link", name="All sessions").click()
    page.here(1)


def test_either_undoes_and_redoes_what_either_did(page: SessionsPage, other: SessionsPage) -> None:
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


def test_branches_move_go_and_come_back_in_both(page: SessionsPage, other: SessionsPage, project: Project) -> None:
    both = (page, other)
    page.add("Porsche 912", "Bodywork")
    page.add("Bodywork", "Floor pans")
    page.add("Floor pans", "Cut out rust")
    page.set("Cut out rust", "Status", "Done")
    other.select("Floor pans")
    other.press("Make it a root")
    for each in both:
        each.shows(
            [
                [1, "Porsche 912", "Planning"],
                [2, "Bodywork", "Not started"],
                [1, "Floor pans", "To do"],
                [2, "Cut out rust", "Done"],
            ]
        )
    page.select("Floor pans")
    page.page.get_by_label("Put under").select_option("Bodywork")
    page.select("Bodywork")
    page.press("Delete")
    for each in both:
        each.shows([[1, "Porsche 912", "Planning"]])
    other.press("Undo")
    for each in both:
        each.nodes(4)
        each.shows(project.outline())
        assert len(each.outline()) == 4


def test_what_is_being_typed_stays(page: SessionsPage, reporter: Reporter) -> None:
    project = Project(reporter, page.begin())
    field = page.page.get_by_label("Customer")
    field.press_sequentially("Ann")
    project.set(project.root, "customer", "Bob")
    project.set(project.root, "vehicle", "912")
    expect(page.page.get_by_label("Vehicle")).to_have_value("912")
    expect(field).to_have_value("Ann")
    field.press("Enter")
    project.set(project.root, "description", "A marker")
    expect(page.page.get_by_label("Description")).to_have_value("A marker")
    assert reporter.get(f"/sessions/{page.session_id}/graph")["roots"][0]["properties"]["customer"] == "Ann"


def test_what_is_refused_is_said_and_taken_back(page: SessionsPage, reporter: Reporter) -> None:
    Project(reporter, page.begin())
    budget = page.page.get_by_label("Budget")
    expect(budget).to_have_value("0")
    budget.fill("")
    budget.press("Enter")
    page.toast("error", "budget is an amount")
    expect(budget).to_have_value("0")
    expect(page.page.locator("#events").get_by_text("refused")).to_have_count(1)


def test_what_strangers_write_stays_text(page: SessionsPage, reporter: Reporter) -> None:
    project = Project(reporter, page.begin(HOSTILE))
    project.add(project.root, "phase", HOSTILE)
    project.set(project.root, "customer", HOSTILE)
    page.nodes(2)
    expect(page.page.get_by_label("Customer")).to_have_value(HOSTILE)
    expect(page.page.locator("#title")).to_have_text(HOSTILE)
    free = reporter.post("/sessions")["session_id"]
    node = reporter.post(f"/sessions/{free}/nodes", blueprint_type_id=HOSTILE, name=HOSTILE)["id"]
    reporter.post(f"/sessions/{free}/nodes/{node}/properties", property_id="status", value=HOSTILE)
    reporter.post(f"/sessions/{free}/nodes/{node}/properties", property_id=HOSTILE, value={HOSTILE: HOSTILE})
    page.page.evaluate(f"location.hash = '{free}'")
    page.shows([[1, HOSTILE, HOSTILE]])
    page.is_unharmed()


def test_without_a_template(page: SessionsPage) -> None:
    page.press("an empty session")
    page.page.get_by_role("button", name="Add a root").click()
    page.page.get_by_label("Name of the new root").fill("Anything")
    page.press("Add")
    page.nodes(1)
    page.select("Anything")
    page.page.get_by_label("New property").fill("colour")
    page.page.get_by_label("Its value").fill("red")
    page.press("Set")
    expect(page.page.get_by_label("colour")).to_have_value("red")
    page.add("Anything", "A child")
    page.shows([[1, "Anything", ""], [2, "A child", ""]])


def test_what_was_closed_stays_closed(page: SessionsPage, reporter: Reporter) -> None:
    project = Project(reporter, page.begin())
    phase = project.add(project.root, "phase", "Teardown")
    job = project.add(phase, "job", "Strip interior")
    page.nodes(3)
    page.select("Teardown")
    page.page.keyboard.press("ArrowLeft")
    expect(page.node("Strip interior")).to_be_hidden()
    project.status(job, "job", "Done")
    project.add(phase, "job", "Lift the engine")
    project.add(job, "task", "Remove seats")
    page.nodes(5)
    expect(page.node("Lift the engine")).to_be_hidden()
    page.page.keyboard.press("ArrowRight")
    expect(page.node("Lift the engine")).to_be_visible()
    page.shows(project.outline())


def test_by_keyboard_alone(page: SessionsPage, reporter: Reporter) -> None:
    project = Project(reporter, page.begin())
    for phase in ["Teardown", "Bodywork"]:
        project.add(project.add(project.root, "phase", phase), "job", f"A job of {phase}")
    page.nodes(5)
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
    page.nodes(6)
    page.page.get_by_role("treeitem", selected=True).focus()
    keys.press("End")
    expect(chosen).to_have_text("Paint")
    keys.press("Delete")
    page.nodes(5)
    expect(chosen).to_have_text("Bodywork")
    keys.press("Control+z")
    page.nodes(6)
    keys.press("Control+Shift+Z")
    page.nodes(5)


@pytest.mark.parametrize("look", LOOKS)
def test_looks(browser: Browser, site: Instance, reporter: Reporter, open_page: Open, look: str) -> None:
    page: SessionsPage = open_page(browser, f"{site.http}/sessions", SessionsPage, **LOOKS[look])
    reporter.post("/sessions")
    expect(page.page.locator("#sessions li")).to_have_count(1)
    page.shot(f"{look}-choose")
    project = Project(reporter, page.begin("Porsche 912, 1968"))
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
    page.nodes(13)
    other: SessionsPage = open_page(browser, page.page.url, SessionsPage)
    other.set("Cut out rust", "Status", "In progress")
    page.set("Cut out rust", "Description", "Both sides, up to the sill")
    page.here(2)
    expect(page.page.locator("#events").get_by_text("set Description")).to_have_count(1)
    for scheme in ["light", "dark"]:
        page.settle()
        page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.shot(f"{look}-{scheme}")
    assert page.fits()

"""Projects and todos from a directory, and how other computers get its changes."""

from pathlib import Path

import pytest

from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.directory import read
from tests.features.fleet.computers import computer, listed, told, watch
from tests.support.client import client
from tests.support.redis.server import RedisServer

NAME_MAX, PATH_MAX = 255, 4096  # of Linux; the latter with the byte that ends it


def write(path: Path, text: str | bytes = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_directories_are_projects(tmp_path: Path) -> None:
    write(tmp_path / "garden" / "README.md", "# Garden\n\n## Beds\n  Four beds.  \nA shed.\n")
    (tmp_path / "bare").mkdir()
    write(tmp_path / ".hidden" / "README.md")
    write(tmp_path / "file.md")
    bare, garden = read(tmp_path, "a", FleetLimits()).projects
    assert (bare.name, bare.description, bare.path, bare.computer) == ("bare", "", str(tmp_path / "bare"), "a")
    assert (garden.name, garden.description) == ("garden", "Four beds.")


def test_an_unreadable_project_disturbs_no_other(tmp_path: Path) -> None:
    """The path of its todos is too long here, for root too."""
    write(tmp_path / "garden" / "todos" / "beds.md", "Water")
    name = "x" * (PATH_MAX - len("/todos") - len(str(tmp_path)) - 1)
    deep = tmp_path
    while len(name) > NAME_MAX:
        deep, name = deep / name[:100], name[101:]
        deep.mkdir()
    (deep / name).mkdir()
    contents = read(deep, "a", FleetLimits())
    assert [project.path for project in contents.projects] == [str(deep / name)]
    assert {line.rpartition(": ")[2] for line in contents.skipped} == {"File name too long"}
    assert [todo.slug for todo in read(tmp_path, "a", FleetLimits()).todos] == ["beds"]


@pytest.mark.parametrize(
    ("text", "status", "description", "requirements", "plan"),
    [
        ("", "pending", "", False, False),
        ("\n\n# Water the beds\n\nby themselves", "pending", "Water the beds", False, False),
        ("---\nstatus: done\ndescription: Water\n---\n# Beds\n", "done", "Water", False, False),
        ("---\nstatus: done\n---\nBeds\n", "done", "Beds", False, False),
        ("---\r\nstatus: done\r\n---\r\nBeds\r\n", "done", "Beds", False, False),
        ("---\nstatus:\n---\n", "pending", "", False, False),
        ("---\nstatus: done\nnever closed", "pending", "---", False, False),
        ("# A\n## Requirements\n- x\n### Implementation Plan\n", "pending", "A", True, True),
        ("Requirements\n", "pending", "Requirements", False, False),
        (b"\xff\xfe", "pending", "\ufffd\ufffd", False, False),
    ],
)
def test_a_todo(
    tmp_path: Path, text: str | bytes, status: str, description: str, requirements: bool, plan: bool
) -> None:
    write(tmp_path / "garden" / "todos" / "water.md", text)
    write(tmp_path / "garden" / "todos" / "water.txt", "no todo")
    write(tmp_path / "garden" / "todos" / ".water.md", "no todo")
    (todo,) = read(tmp_path, "a", FleetLimits()).todos
    assert (todo.slug, todo.project, todo.computer) == ("water", str(tmp_path / "garden"), "a")
    assert (todo.status, todo.description) == (status, description)
    assert (todo.has_requirements, todo.has_implementation_plan) == (requirements, plan)


def test_unreadable_paths_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path / "nowhere", "a", FleetLimits()) == (
        [],
        [],
        [f"{tmp_path / 'nowhere'}: No such file or directory"],
    )
    (tmp_path / "garden" / "README.md").mkdir(parents=True)
    (tmp_path / "garden" / "todos" / "directory.md").mkdir(parents=True)
    assert [project.description for project in read(tmp_path, "a", FleetLimits()).projects] == [""]
    assert read(tmp_path, "a", FleetLimits()).todos == []


def test_a_name_that_is_not_utf8_is_shown_with_replacements(tmp_path: Path) -> None:
    (tmp_path / "gar\udcffden").mkdir()
    (project,) = read(tmp_path, "a", FleetLimits()).projects
    assert project.name == "gar?den"


async def test_the_directory_is_read_at_each_heartbeat_and_changes_are_sent(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    url = redis_server.url
    write(tmp_path / "garden" / "todos" / "water.md", "Water")
    with computer("a", redis_url=url, directory=tmp_path) as a, computer("b", redis_url=url) as b:
        assert [one["slug"] for one in await listed(a, "todos")] == ["water"]
        assert await listed(b, "todos") == []
        async with client(b.url) as one:
            await watch(one, "projects", "todos")
            messages = [await one.event(), await one.event()]
            assert sorted(message["event"] for message in messages) == ["projects-updated", "todos-updated"]
            write(tmp_path / "garden" / "todos" / "weed.md", "Weed")
            await a.server.acall(a.fleet.heartbeat_now)
            (update,) = await told(one, "todos-updated")
            assert update["computer"] == "a"
            assert [todo["slug"] for todo in update["todos"]] == ["water", "weed"]
            assert await listed(b, "todos", computer="a") == update["todos"] == await listed(a, "todos")
            (tmp_path / "garden" / "todos" / "weed.md").unlink()
            (tmp_path / "garden" / "todos" / "water.md").unlink()
            await a.server.acall(a.fleet.heartbeat_now)
            assert await told(one, "todos-updated") == [{"computer": "a", "todos": []}]
            assert await listed(b, "todos") == []
            await one.nothing_more()


async def test_a_list_too_long_for_an_event_is_left_out(tmp_path: Path) -> None:
    for number in range(200):
        write(tmp_path / ".garden" / "todos" / f"{number}.md", "x" * 9_000)
    with computer("a", directory=tmp_path) as a:
        async with client(a.url) as one:
            await watch(one, "todos")
            (tmp_path / ".garden").rename(tmp_path / "garden")
            await a.server.acall(a.fleet.heartbeat_now)
            assert await told(one, "todos-updated") == [{"computer": "a"}]
            await one.ask({"refresh": ["fleet:todos"]})
            assert len((await one.event())["payload"]["todos"]) == 200

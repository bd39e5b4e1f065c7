"""Projects and todos from a directory, and how other computers get its changes."""

import os
import socket
from pathlib import Path

import orjson
import pytest

from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.todo_file import parse
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


@pytest.mark.parametrize(
    "text",
    [
        "---" + "\n" * 1_000_000,
        "---\n" + " " * 1_000_000,
        "---\n" + "-" * 1_000_000,
        "---\n" + "---x\n" * 200_000,
        "---\n" + "a: \t" * 250_000,
        "#" * 1_000_000,
        "# " * 500_000,
    ],
    ids=["blank lines", "spaces", "dashes", "almost fences", "almost fields", "one heading", "headings"],
)
def test_a_long_todo_is_parsed_line_by_line(text: str) -> None:
    """An expression that backtracks would need minutes for the first of these."""
    assert parse(text).status == "pending"
    fields = parse(f"---\nstatus: done\n---\n{text}")
    assert fields.status == "done"


def test_a_todo_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "garden" / "todos" / "fits.md", "x" * 100)
    write(tmp_path / "garden" / "todos" / "long.md", "x" * 101)
    contents = read(tmp_path, "a", FleetLimits(todo_bytes=100))
    assert [todo.slug for todo in contents.todos] == ["fits"]
    assert contents.skipped == [
        f"{tmp_path}/garden/todos/long.md: a todo has at most 100 bytes (FleetLimits.todo_bytes)"
    ]


def test_todos_and_projects_fit_into_one_entry_each(tmp_path: Path) -> None:
    for number in range(100):
        write(tmp_path / f"p{number:02}" / "todos" / "t.md", "x" * 100)
    limits = FleetLimits(entry_bytes=10_000)
    contents = read(tmp_path, "a", limits)
    for records in (contents.projects, contents.todos):
        encoded = orjson.dumps([record.as_json() for record in records])
        assert 9_000 < len(encoded) + 512 <= 10_000
    assert [line.partition(":")[0] for line in contents.skipped] == [
        f"all after the first {len(contents.projects)} of FleetProject",
        f"all after the first {len(contents.todos)} of Todo",
    ]


def test_links_are_followed_within_the_directory_only(tmp_path: Path) -> None:
    secret, fleet = tmp_path / "secret", tmp_path / "fleet"
    write(secret / "README.md", "secret")
    write(secret / "todos" / "a.md", "secret")
    write(fleet / "garden" / "README.md", "Garden")
    write(fleet / "garden" / "todos" / "water.md", "Water")
    (fleet / "again").symlink_to(fleet / "garden")
    (fleet / "whole").symlink_to(secret)
    (fleet / "loop").symlink_to("loop")
    (fleet / "parts").mkdir()
    (fleet / "parts" / "README.md").symlink_to(secret / "README.md")
    (fleet / "parts" / "todos").symlink_to(secret / "todos")
    (fleet / "garden" / "todos" / "stolen.md").symlink_to(secret / "todos" / "a.md")
    (fleet / "garden" / "todos" / "dangling.md").symlink_to("nowhere")
    contents = read(fleet, "a", FleetLimits())
    assert [(project.name, project.description) for project in contents.projects] == [
        ("again", "Garden"),
        ("garden", "Garden"),
        ("parts", ""),
    ]
    assert [(todo.project, todo.slug) for todo in contents.todos] == [
        (f"{fleet}/again", "water"),
        (f"{fleet}/garden", "water"),
    ]
    out = "it is a link out of the directory"
    assert sorted(contents.skipped) == [
        f"{fleet}/again/todos/stolen.md: {out}",
        f"{fleet}/garden/todos/stolen.md: {out}",
        f"{fleet}/loop: Too many levels of symbolic links",
        f"{fleet}/parts/README.md: {out}",
        f"{fleet}/parts/todos: {out}",
        f"{fleet}/whole: {out}",
    ]


def test_a_directory_that_is_a_link_itself_is_read(tmp_path: Path) -> None:
    (tmp_path / "real" / "garden").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    assert [project.path for project in read(tmp_path / "link", "a", FleetLimits()).projects] == [
        f"{tmp_path}/link/garden"
    ]


def test_named_pipes_sockets_and_devices_are_not_opened(tmp_path: Path) -> None:
    """Opening a pipe would wait for its other end, for ever."""
    write(tmp_path / "garden" / "todos" / "water.md", "Water")
    os.mkfifo(tmp_path / "garden" / "README.md")
    os.mkfifo(tmp_path / "garden" / "todos" / "pipe.md")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "garden" / "todos" / "socket.md"))
        contents = read(tmp_path, "a", FleetLimits())
    assert [project.name for project in contents.projects] == ["garden"]
    assert [todo.slug for todo in contents.todos] == ["water"]
    assert sorted(Path(line.partition(": ")[0]).name for line in contents.skipped) == [
        "README.md",
        "pipe.md",
        "socket.md",
    ]


async def test_what_is_left_out_is_logged_once_and_on_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "garden" / "todos" / "\x1b[31m\n.md", "x" * 101)
    with computer("a", directory=tmp_path, limits=FleetLimits(todo_bytes=100)) as a:
        async with client(a.url) as one:
            await watch(one, "computers", "todos")
            for _ in range(3):
                await a.server.acall(a.fleet.heartbeat_now)
                await one.event()
            write(tmp_path / "garden" / "todos" / "marker.md", "x")
            await a.server.acall(a.fleet.heartbeat_now)
            await one.until(lambda message: message.get("event") == "todos-updated")
    (line,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert line.isprintable()
    assert "\\u001b[31m\\u000a.md: a todo has at most 100 bytes" in line


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

"""The tutorial, step by step: its program, its tests, and what it deploys, with its page in a real browser."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, expect

from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer
from tests.support.process import BIN, LISTENING, ROOT, running

PAGE = (ROOT / "docs" / "tutorial.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def changed(program: str, difference: str) -> str:
    """What the reader does by hand: a line with + comes behind the line before it, or instead of one with -."""
    lines, at = program.splitlines(), 0
    for kind, text in ((line[0], line[1:]) for line in difference.splitlines()):
        if kind == "+":
            lines.insert(at, text)
            at += 1
            continue
        at = lines.index(text, at) + (kind == " ")
        if kind == "-":
            del lines[at]
    return "\n".join([*lines, ""])


@pytest.fixture
def cafe(tmp_path: Path) -> Path:
    """The folder as it is at the end."""
    _, _, third, staff, test = blocks("python")
    (tmp_path / "cafe.py").write_text(changed(third, *blocks("diff")))
    (tmp_path / "staff.py").write_text(staff)
    (tmp_path / "test_cafe.py").write_text(test)
    (tmp_path / "index.html").write_text(blocks("html")[-1])
    return tmp_path


def test_its_tests_pass(cafe: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": "sqlite:///test.db"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pattern_stack.testing.plugin"]
    done = subprocess.run(command, cwd=cafe, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert re.search(r"^2 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_it_is_live_when_it_is_deployed(browser: Browser, cafe: Path, postgres_server: PostgresServer) -> None:
    """With the command of its Dockerfile and the environment of its compose.yaml: two workers over PostgreSQL."""
    (found,) = re.findall(r"^CMD (\[.*\])$", blocks("dockerfile")[0], re.MULTILINE)
    *shell, command = json.loads(found)
    command = command.replace("--host 0.0.0.0", "--port 0")
    environment = yaml.safe_load(blocks("yaml")[0])["services"]["cafe"]["environment"]
    address = postgres_server.url.partition("//")[2]
    variables = {
        name: value.replace("cafe:${PASSWORD}@database/cafe", address).replace("${STAFF}", "secret:ann")
        for name, value in environment.items()
    }
    path = f"{BIN}:{os.environ['PATH']}"
    serves = rf"(?s){LISTENING}.*startup complete"
    with running(
        *shell, f"cd {cafe} && {command}", ready=serves, **variables, PATH=path, PYTHONPATH=str(ROOT)
    ) as server:
        context = browser.new_context()
        stranger = context.new_page()
        stranger.goto(f"{server.http}/")
        expect(stranger.get_by_role("status")).to_have_text("away")
        counter, kitchen = context.new_page(), context.new_page()
        for page in (counter, kitchen):
            page.goto(f"{server.http}/login/secret")
            expect(page.get_by_role("status")).to_have_text("live")
        for dish in ("soup", "toast"):
            counter.get_by_label("Dish").fill(dish)
            counter.get_by_role("button").click()
            expect(counter.get_by_role("listitem").last).to_have_text(dish)
        expect(kitchen.get_by_role("listitem")).to_have_text(["soup", "toast"])
        context.request.post(f"{server.http}/orders/1/served")
        expect(kitchen.get_by_role("listitem")).to_have_text(["toast"])
        context.close()

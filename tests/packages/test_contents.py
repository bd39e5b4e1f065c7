"""What the packages say of themselves, and what an import brings. `make soak` builds and installs them."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from tests.support.process import ROOT

CLIENT = ROOT / "clients" / "typescript"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

FOR_THE_CLONE = {"dev", "docs", "e2e", "examples"}
"""The extras that nobody installs without the repository."""


def test_both_packages_have_one_version_and_one_license() -> None:
    npm = json.loads((CLIENT / "package.json").read_text())
    assert (npm["version"], npm["license"]) == (PROJECT["version"], PROJECT["license"])
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert f"pattern-stack-broadcast-{npm['version']}.tgz" in (CLIENT / "README.md").read_text()
    wheels = set(re.findall(r"pattern_stack-([\d.]+)-py3", (ROOT / "docs" / "tutorial.md").read_text()))
    assert wheels == {PROJECT["version"]}


def test_every_extra_is_installed_alone_by_a_test() -> None:
    tests = (Path(__file__).parent / "test_packages.py").read_text()
    installed = {*re.findall(r"\[(\w+)\]\"", tests), *re.findall(r"\(\"(\w+)\", [A-Z]+,", tests), "server"}
    assert installed >= set(PROJECT["optional-dependencies"]) - FOR_THE_CLONE


def test_the_workflow_runs_what_decides_and_publishes_nothing() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert yaml.safe_load(workflow)["permissions"] == {"contents": "read"}
    assert "run: .ci/run" in workflow
    assert not re.search(r"twine|npm publish|pypi-publish|id-token|secrets\.", workflow)


def test_the_client_imports_no_application() -> None:
    """Nor FastAPI, which is installed with every package of this name."""
    code = "import sys, pattern_stack.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    unwanted = "pattern_stack.app", "pattern_stack.features", "fastapi", "starlette", "uvicorn", "sqlalchemy", "redis"
    assert not {name for name in done.stdout.split() if name.startswith(unwanted)}

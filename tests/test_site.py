"""The site that `make docs` builds, strictly: what is in it."""

import importlib
import re
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.support.process import BIN, ROOT

pytestmark = pytest.mark.soak

MODULES = (
    "pattern_stack",
    "pattern_stack.client",
    "pattern_stack.testing",
    "pattern_stack.outbox",
    "pattern_stack.features.sessions",
    "pattern_stack.features.notifications",
    "pattern_stack.features.fleet",
    "pattern_stack.features.inspector",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (BIN / "mkdocs").exists():
        pytest.fail("mkdocs is not installed: run `make docs`", pytrace=False)
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run([BIN / "mkdocs", "build", "-q", "-d", directory], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_reference(site: Path, module: str) -> None:
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    shown = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines()}
    assert {f"{module}.{name}" for name in importlib.import_module(module).__all__} <= shown


def test_a_reader_loads_nothing_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(
            r"<(?:script|img|iframe|source|link)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\"\s>]+)", text
        )
        assert loaded == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//|@import", style.read_text()), style

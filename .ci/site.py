"""The hook of mkdocs.yml: pages of the repository that lie outside of docs/ belong to the site, too.

Links are written for whoever reads a file in the repository. On the site a link to another page leads to that page, and a link
to a file that the site does not have becomes its name.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "vulnerabilities.md",
    "clients/typescript/README.md": "clients/typescript.md",
    "examples/orders/README.md": "examples/orders.md",
    "examples/fleet/README.md": "examples/fleet.md",
    "benchmarks/results/chart.svg": "pictures/chart.svg",
}
"""Where a file of the repository is on the site. What lies in docs/ keeps its path below it."""

_SOURCES = {there: here for here, there in PAGES.items()}
_CODE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^]]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    for here, there in PAGES.items():
        files.append(File.generated(config, there, abs_src_path=str(ROOT / here)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    here = page.file.src_uri
    source = _SOURCES.get(here, f"docs/{here}")
    parts = _CODE.split(markdown)
    return "".join(part if part.startswith("```") else _with_links_of_the_site(part, source, here) for part in parts)


def _with_links_of_the_site(text: str, source: str, here: str) -> str:
    def link(found: "re.Match[str]") -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if not target or ":" in target:
            return found[0]
        there = _on_the_site(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        if there is None:
            return found["text"]
        relative = posixpath.relpath(there, posixpath.dirname(here) or ".")
        return f"{found['image']}[{found['text']}]({relative}{anchor})"

    return _LINK.sub(link, text)


def _on_the_site(path: str) -> str | None:
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if not (ROOT / path).exists():
        raise ValueError(f"{path} is linked to, and is not there")
    return None

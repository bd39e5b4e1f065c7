"""The live pages: one HTML file each, without anything to build or to fetch from elsewhere."""

from pathlib import Path


def page(name: str) -> str:
    """The page's HTML."""
    return (Path(__file__).parent / f"{name}.html").read_text(encoding="utf-8")

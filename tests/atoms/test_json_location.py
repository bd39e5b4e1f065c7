"""The line where a value begins."""

import json
from typing import Any

import pytest

from pattern_stack.atoms.json_location import line_of


@pytest.mark.parametrize(
    ("path", "line"),
    [([], 1), (["a"], 2), (["a", 1], 4), (["a", 1, "x"], 5), (["b"], 8), (["none"], 1), (["a", 7], 2), (["b", "c"], 8)],
)
def test_the_line_of_a_path(path: list[Any], line: int) -> None:
    text = '{\n"a": [\n1,\n{\n"x": "}\\"],"\n}\n],\n"b": null}'
    assert json.loads(text)
    assert line_of(text, path) == line

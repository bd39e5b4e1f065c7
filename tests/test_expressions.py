"""No regular expression of the package takes more than linear time, whatever text it is given.

Nothing here compares times. One that backtracks over a megabyte would take days: the test would not end.
"""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import pattern_stack
from pattern_stack.features.fleet.models import COMPUTER_NAME
from pattern_stack.features.notifications.models import SESSION_ID

LENGTH = 1_000_000
CALLS = {"compile", "findall", "finditer", "fullmatch", "match", "search", "split", "sub"}
NAMED = {"COMPUTER_NAME": COMPUTER_NAME, "SESSION_ID": SESSION_ID}
BEGINNINGS = ("", "http://", "https://[", "fastapi.", "a", "---\n")


def expressions() -> Iterator[str | bytes]:
    """The pattern of every call into `re`. One that is not written there, or named above, fails."""
    for file in Path(pattern_stack.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name("re"), attr=call), args=[first, *_]) if call in CALLS:
                    yield pattern_of(first, file)


def pattern_of(node: ast.expr, file: Path) -> str | bytes:
    match node:
        case ast.Constant(str() | bytes() as pattern):
            return pattern
        case ast.Name(name) if name in NAMED:
            return NAMED[name]
    raise AssertionError(f"{file}:{node.lineno}: show here that this expression is linear")


def test_there_are_some() -> None:
    assert len(list(expressions())) >= 5


@pytest.mark.parametrize("expression", sorted(set(expressions()), key=str), ids=str)
def test_a_megabyte_of_anything_is_read_in_linear_time(expression: str | bytes) -> None:
    text = expression.decode("latin-1") if isinstance(expression, bytes) else expression
    letters = sorted({*re.sub(r"\\.|[\w]", "", text), *"aZ0 \t\n-:"})
    for begin, first, second in product(BEGINNINGS, letters, ["", "a", ":", "\n"]):
        given = begin + (first + second) * (LENGTH // len(first + second)) + "\0"
        for function in (re.fullmatch, re.match):
            if isinstance(expression, bytes):
                function(expression, given.encode("latin-1"))
            else:
                function(expression, given)

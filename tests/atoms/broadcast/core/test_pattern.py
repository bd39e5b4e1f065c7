"""Channel patterns, beside the regular expressions that they stand for."""

import re
from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pattern_stack.atoms.broadcast.core.pattern import ChannelPattern

literals = st.lists(st.text("ab:", max_size=2), min_size=1, max_size=5)


def pattern_of(parts: list[str]) -> str:
    return "".join(text + name for text, name in zip_longest(parts, names(parts), fillvalue=""))


def names(parts: list[str]) -> list[str]:
    return [f"{{p{number}}}" for number in range(len(parts) - 1)]


def expression_of(parts: list[str]) -> str:
    groups = [f"(?P<p{number}>[^:]+)" for number in range(len(parts) - 1)]
    return "".join(re.escape(text) + group for text, group in zip_longest(parts, groups, fillvalue=""))


@given(literals, st.text("ab:", max_size=12))
def test_it_matches_as_an_expression_whose_parameters_take_as_much_as_they_can(parts: list[str], channel: str) -> None:
    found = re.fullmatch(expression_of(parts), channel)
    assert ChannelPattern(pattern_of(parts)).match(channel) == (found.groupdict() if found else None)


@pytest.mark.parametrize(
    ("pattern", "channel", "values"),
    [
        ("orders", "orders", {}),
        ("orders", "orders:1", None),
        ("room:{id}", "room:7", {"id": "7"}),
        ("room:{id}", "room:", None),
        ("room:{id}", "room:7:8", None),
        ("{a}:{b}", "x:y:z", None),
        ("{a}:{b}", "x:y", {"a": "x", "b": "y"}),
        ("{a}-{b}", "x-y-z", {"a": "x-y", "b": "z"}),
        ("{a}-{b}", "-x-", None),
        ("{a}{b}", "xyz", {"a": "xy", "b": "z"}),
        ("{a}{b}", "x", None),
        ("session:{id:path}", "session:a:b", {"id": "a:b"}),
        ("session:{id:path}", "session:", {"id": ""}),
        ("session:{id:path}", "session", None),
        ("files:{owner}:{name:path}", "files:ann:a/b:c", {"owner": "ann", "name": "a/b:c"}),
        ("files:{owner}:{name:path}", "files::a", None),
        ("{a}-{b:path}", "x-y-z:w-v", {"a": "x-y", "b": "z:w-v"}),
        ("{a}-{b:path}", "-x", None),
        ("{all:path}", "a:b", {"all": "a:b"}),
        ("a{x}a", "a", None),
        ("", "", {}),
    ],
)
def test_examples(pattern: str, channel: str, values: dict[str, str] | None) -> None:
    assert ChannelPattern(pattern).match(channel) == values


@pytest.mark.parametrize(
    "pattern",
    [
        "{",
        "}",
        "a}b{c",
        "{}",
        "{a b}",
        "{1}",
        "{a}{a}",
        "{a",
        "{{a}}",
        "{a-b}",
        "{a:path}:b",
        "{a:path}{b}",
        "{:path}",
        "{a:int}",
    ],
)
def test_patterns_that_cannot_be_read(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"brace|parameter"):
        ChannelPattern(pattern)


@given(literals, st.text("ab:", max_size=12))
def test_a_path_matches_the_rest(parts: list[str], channel: str) -> None:
    found = re.fullmatch(expression_of(parts) + ":(?P<rest>.*)", channel)
    assert ChannelPattern(pattern_of(parts) + ":{rest:path}").match(channel) == (found.groupdict() if found else None)


@pytest.mark.parametrize("channel", ["-" * 1_000_000, "a-" * 500_000, "x-a" + "-" * 1_000_000, ""])
def test_a_long_channel_is_matched_by_looking_for_each_literal_once(channel: str) -> None:
    """An expression that backtracks would need hours: the time of ten parameters is the tenth power of the length."""
    pattern = ChannelPattern("x" + "".join(f"-{{p{number}}}" for number in range(10)) + "-end")
    assert pattern.match(channel) is None
    assert pattern.match(f"x-{channel}-b-b-b-b-b-b-b-b-b-b-end")

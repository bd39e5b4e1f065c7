"""Which values of strangers are taken."""

from math import inf, nan
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pattern_stack.atoms.json import MAX_NESTING, plain


def nested(levels: int, inner: Any) -> Any:
    """A value with so many lists and objects around it."""
    for level in range(levels):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "\x00\u2028\U0001f600",
        0,
        2**63 - 1,
        -(2**63),
        1.5,
        -0.0,
        [],
        {},
        [[], {}],
        {"a": [1, "b", None]},
    ],
)
def test_plain_json_is_taken(value: Any) -> None:
    assert plain(value) is value


@pytest.mark.parametrize("inner", [[], {}, 1, "x", None])
def test_it_may_be_so_deep_and_no_deeper(inner: Any) -> None:
    around = MAX_NESTING - isinstance(inner, list | dict)
    assert plain(nested(around, inner)) is not None
    with pytest.raises(ValueError, match="at most 32 levels"):
        plain(nested(around + 1, inner))


@pytest.mark.parametrize("where", [lambda bad: bad, lambda bad: [1, "x", bad], lambda bad: {"a": {"b": [bad]}}])
@pytest.mark.parametrize(
    "bad", [nan, inf, -inf, 2**63, -(2**63) - 1, "\ud800", {"\udfff": 1}, {1: 2}, {1, 2}, (1,), b"x", object()]
)
def test_what_an_encoder_or_a_client_could_not_take_is_refused(where: Any, bad: Any) -> None:
    with pytest.raises(ValueError, match="a value is JSON"):
        plain(where(bad))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    )
)  # fmt: skip
def test_what_is_taken_comes_back_as_it_was(value: Any) -> None:
    assert orjson.loads(orjson.dumps(plain(value))) == value

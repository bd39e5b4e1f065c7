import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pattern_stack.atoms.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text, 100%", "plain text, 100%"),
        ("Grüße, 你好 👩‍💻", "Grüße, 你好 👩‍💻"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("\x9b31mred", "\\u009b31mred"),
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("two\nlines\r\tand\x7f", "two\\u000alines\\u000d\\u0009and\\u007f"),
        ("two\u2028lines\u2029", "two\\u2028lines\\u2029"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066a\u2069\u200f\u200e\u061c", "\\u2066a\\u2069\\u200f\\u200e\\u061c"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_and_direction_marks_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_it_is_one_line_of_utf8_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_stays_json_of_the_same_value(value: object) -> None:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # half of a surrogate pair is no JSON
        return
    assert orjson.loads(printable(text)) == value

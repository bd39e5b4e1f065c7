"""What may be an event of ours, of all that can be written to a store."""

import pytest

from pattern_stack.atoms.broadcast.bridge.store import is_event
from pattern_stack.atoms.broadcast.core.event import encode
from pattern_stack.atoms.broadcast.core.limits import Limits

REST = b'"event":"e","payload":{},"timestamp":"t"}'


@pytest.mark.parametrize("origin", [None, "someone"])
def test_what_an_instance_publishes(origin: str | None) -> None:
    assert is_event("a", encode("a", "e", {"x": [1, None, "é"]}, origin=origin, limits=Limits()).body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"channel":"a",',
        b'{"channel":"a"}',
        b'{"channel":"b",' + REST,
        b' {"channel":"a",' + REST,
        b'{"channel":"a",' + REST + b"\n",
        b'{"channel":"a",' + REST + b"{}",
        b'{"channel":"a","channel":"b",' + REST,
        b'{"channel":"a","offset":9,' + REST,
        b'{"channel":"a","event":1,"payload":{}}',
        b'{"channel":"a","event":"e","payload":[]}',
        b'{"channel":"a","event":"e","payload":{"n":NaN}}',
        b'{"channel":"a","event":"e","payload":{"n":\xff}}',
        b'{"channel":"a","event":"e","payload":{"n":"\xff"}}',
        b'{"channel":"a","event":"e","payload":{},"timestamp":1}',
        b'{"channel":"a","event":"e","payload":{},"origin":{}}',
    ],
)
def test_what_nobody_of_us_can_have_published(body: bytes) -> None:
    assert not is_event("a", body)

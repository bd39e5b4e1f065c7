"""How often the others are told of one connection, and that they know the truth in the end."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pattern_stack.atoms.broadcast.core.told import QUIET_SECONDS, Told
from tests.support.examples import examples


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 3.0, 11.0])), max_size=60))
@settings(deadline=None, max_examples=examples(200))
def test_two_in_a_span_and_the_truth_in_the_end(steps: list[tuple[bool, float]]) -> None:
    told, now, sent = Told(), 100.0, list[tuple[float, bool]]()

    def tell() -> None:
        told.tell(now)
        sent.append((now, told.told))

    for here, seconds in steps:
        told.here = here
        due = told.wait(now)
        while due is not None and due <= seconds:
            now, seconds = now + due, seconds - due
            tell()
            due = told.wait(now)
        now += seconds
    if (due := told.wait(now)) is not None:
        now += due
        tell()
    assert told.told == told.here
    assert all(later[0] - first[0] >= QUIET_SECONDS for first, later in zip(sent, sent[2:], strict=False))
    assert all(one[1] != following[1] for one, following in pairwise(sent))


def test_who_has_long_gone_is_forgotten() -> None:
    told = Told()
    assert told.is_over(0)
    told.here = True
    told.tell(0)
    assert not told.is_over(1_000)
    told.here = False
    told.tell(1)
    assert not told.is_over(QUIET_SECONDS)
    assert told.is_over(QUIET_SECONDS + 1)

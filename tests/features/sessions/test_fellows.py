"""Which instances live is counted in voices: nobody dies of a silence in which nothing could be heard."""

from pattern_stack.features.sessions.core.fellows import SILENT, Fellows


def heard(fellows: Fellows, *instances: str, times: int = SILENT) -> None:
    for _ in range(times):
        for instance in instances:
            fellows.hear(instance)


def test_an_instance_is_missed_when_it_is_silent_and_others_are_not() -> None:
    fellows = Fellows("me")
    assert fellows.may_live("you"), "it has not listened for long enough"
    heard(fellows, "me", "you")
    assert fellows.living == ["me", "you"]
    assert not fellows.may_live("nobody")
    heard(fellows, "me", times=SILENT - 1)
    assert fellows.lives("you")
    fellows.hear("me")
    assert fellows.living == ["me"]
    fellows.hear("you")
    assert fellows.living == ["me", "you"]


def test_who_says_that_it_goes_is_gone_at_once() -> None:
    fellows = Fellows("me")
    heard(fellows, "me", "you")
    fellows.leave("you")
    assert not fellows.may_live("you")


def test_after_an_interruption_it_listens_anew() -> None:
    fellows = Fellows("me")
    heard(fellows, "me", "you")
    heard(fellows, "me", times=SILENT - 1)
    fellows.interrupt()
    assert not fellows.is_sure
    heard(fellows, "me", times=SILENT - 1)
    assert fellows.lives("you")
    fellows.hear("me")
    assert not fellows.lives("you")

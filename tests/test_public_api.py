"""What users import, and nothing by accident."""

import inspect

import pattern_stack
from pattern_stack import errors


def test_the_public_names() -> None:
    assert sorted(pattern_stack.__all__) == [
        "AsyncPublisher", "Broadcast", "BroadcastBackend", "BroadcastClosed", "BroadcastError", "BroadcastUnavailable",
        "Channel", "Connection", "Event", "Forbidden", "Handler", "History", "IPCBroadcastBackend", "Identity", "InvalidChannel",
        "InvalidEvent", "InvalidSetting", "InvalidURL", "Limits", "NotFound", "NotInstalled",
        "PatternStackError", "Position", "PostgresBroadcastBackend", "Publish", "Publisher", "RedisBroadcastBackend",
        "Rejected",
        "ServiceError", "Subscription", "TooSlow",
        "Unauthenticated", "WebSocketBroadcastBackend", "broadcast_from_url", "command", "health_router",
    ]  # fmt: skip
    assert set(pattern_stack.__all__) <= set(dir(pattern_stack))
    assert all(hasattr(pattern_stack, name) for name in pattern_stack.__all__)


def test_every_error_is_public_under_one_root_and_in_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.PatternStackError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(pattern_stack.__all__)
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_every_public_name_has_a_docstring_of_its_own() -> None:
    kinds = [getattr(pattern_stack, name) for name in pattern_stack.__all__]
    kinds = [kind for kind in kinds if inspect.isclass(kind) or inspect.isfunction(kind)]
    assert [kind.__name__ for kind in kinds if (kind.__doc__ or kind.__name__).startswith(kind.__name__)] == []

"""Which origins are an application's: its own host and port, and those that it lists."""

import pytest

from pattern_stack.atoms.origins import Origins

LISTED = Origins(["https://listed.example", "http://port.example:8080/"])


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", None),
        (None, None),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("127.0.0.1:8000", "https://127.0.0.1:8000"),
        ("127.0.0.1:8000", "https://listed.example"),
        ("127.0.0.1:8000", "http://port.example:8080"),
        ("app.example", "http://app.example"),
        ("app.example", "http://app.example:80"),
        ("app.example:80", "http://app.example"),
        ("App.Example", "http://app.example"),
        ("app.example:443", "https://app.example"),
        ("app.example", "https://app.example"),
        ("[::1]:7000", "http://[::1]:7000"),
    ],
)
def test_the_own_host_a_listed_origin_and_none_are_allowed(host: str | None, origin: str | None) -> None:
    assert LISTED.allow(origin, host, secure=False)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "null"),
        ("127.0.0.1:8000", ""),
        ("127.0.0.1:8000", "http://127.0.0.1"),
        ("127.0.0.1:8000", "http://127.0.0.1:1"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000.evil.example"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000@evil.example"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000, http://evil.example"),
        ("127.0.0.1:8000", "http://["),
        ("127.0.0.1:8000", "http://listed.example"),
        ("127.0.0.1:8000", "https://listed.example:444"),
        ("127.0.0.1:8000", "https://listed.example.evil.example"),
        ("app.example", "http://app.example:8080"),
        ("app.example:8080", "http://app.example"),
        (None, "http://app.example"),
        ("", "http://"),
    ],
)
def test_any_other_origin_is_not_allowed(host: str | None, origin: str) -> None:
    assert not LISTED.allow(origin, host, secure=False)


def test_the_default_port_is_that_of_the_scheme() -> None:
    assert LISTED.allow("https://app.example", "app.example", secure=True)
    assert not LISTED.allow("http://app.example", "app.example", secure=True)


def test_a_star_lists_every_origin() -> None:
    assert Origins(["*"]).allow("https://any.example", "app.example", secure=False)

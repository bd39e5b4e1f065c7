"""Which origins are an application's: its own host and port, and those that it lists."""

from typing import Any

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


@pytest.mark.parametrize("entry", ["app.example", "https://app.example/page", "https://*.app.example", ""])
def test_an_entry_that_no_browser_sends_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no origin: it is a scheme, a host and maybe a port"):
        Origins([entry])


@pytest.mark.parametrize("origin", ["null", "chrome-extension://abcdef", "capacitor://localhost", "https://[::1]:8443"])
def test_origins_of_extensions_and_web_views_may_be_listed(origin: str) -> None:
    assert Origins([origin]).allow(origin, "app.example", secure=True)


@pytest.mark.parametrize("listed", ["https://app.example", [1]])
def test_what_is_no_list_of_texts_is_refused(listed: Any) -> None:
    with pytest.raises(TypeError, match=r"https://app\.example"):
        Origins(listed)


def test_the_default_port_is_that_of_the_scheme() -> None:
    assert LISTED.allow("https://app.example", "app.example", secure=True)
    assert not LISTED.allow("http://app.example", "app.example", secure=True)


def test_a_star_lists_every_origin() -> None:
    assert Origins(["*"]).allow("https://any.example", "app.example", secure=False)

"""One look at the inspector of a running server, for the command line."""

import urllib.error
import urllib.request
from http.client import HTTPException
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import orjson

from pattern_stack.loopback import is_loopback

_BETWEEN = 1.0
"""Seconds between the two looks that the rate of a channel needs."""
_ANSWER_BYTES = 16 * 1_048_576


class NoLook(Exception):
    """Why there is nothing to see, in words."""


def look(address: str, token: str) -> dict[str, Any]:
    """What the page of the inspector reads, by the URL of that. Raises NoLook."""
    _read(address, token)
    sleep(_BETWEEN)
    return _read(address, token)


def _read(address: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - it was checked
    proxies = urllib.request.ProxyHandler({} if is_loopback(urlsplit(address).hostname or "") else None)
    opener = urllib.request.build_opener(proxies, _NoRedirect)
    try:
        with opener.open(request, timeout=10) as answer:
            view: dict[str, Any] = orjson.loads(answer.read(_ANSWER_BYTES))
            return view
    except urllib.error.HTTPError as error:
        with error:
            raise NoLook(_refusal(error.code, address)) from None
    except (HTTPException, OSError, ValueError) as error:
        raise NoLook(f"no inspector at {address.partition('?')[0]}: {getattr(error, 'reason', error)}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Elsewhere the token means nothing, and is nobody's business."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _refusal(status: int, address: str) -> str:
    if status == 404:
        return f"{address.partition('?')[0]} is not there: create_app() has it with PATTERN_STACK_INSPECTOR_TOKEN"
    if status in (401, 403):
        return f"the inspector refuses this token: HTTP {status}"
    return f"{address.partition('?')[0]} answers HTTP {status}"

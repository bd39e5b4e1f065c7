"""pattern-stack inspect: the page in a terminal."""

import json

import pytest
from typer.testing import CliRunner

from pattern_stack import Forbidden, WebSocketBroadcastBackend
from pattern_stack.cli import main
from tests.features.inspector.world import TOKEN, inspected
from tests.support.raw import Raw


async def authorize(connection: object, channel: str) -> None:
    if channel == "payroll":
        raise Forbidden("not\x1b[31m for you")


def inspect(*arguments: str, token: str = TOKEN) -> tuple[int, str]:
    told = CliRunner().invoke(main, ["inspect", *arguments], env={"PATTERN_STACK_INSPECTOR_TOKEN": token})
    return told.exit_code, told.output


def test_it_prints_what_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pattern_stack.look._BETWEEN", 0)
    with inspected(WebSocketBroadcastBackend(authorize=authorize), authenticate=lambda: "ann") as operator:
        raw = Raw(operator.server.port)
        raw.text({"subscribe": ["orders", "payroll"], "id": 1})
        while "subscribed" not in raw.message():
            pass
        code, text = inspect(operator.server.http)
        assert code == 0
        assert text.startswith("this instance: ")
        assert "  forbidden: ann was refused on payroll: forbidden, not\\u001b[31m for you.\n" in text
        assert "\x1b" not in text
        assert "orders  1 on it" in text
        code, text = inspect(f"{operator.server.http}/inspector", "-q", "payroll", "--json")
        assert (code, json.loads(text)["channels"]["matching"]) == (0, 0)
        assert inspect(operator.server.http, token="wrong")[1] == "the inspector refuses this token: HTTP 401\n"
        assert "needs its token" in inspect(operator.server.http, token="")[1]
        assert "is not there" in inspect(f"{operator.server.http}/elsewhere")[1]
        assert "no inspector at" in inspect("http://127.0.0.1:1")[1]
        assert inspect("ftp://x")[0] == 1
        raw.socket.close()

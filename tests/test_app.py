"""The application with everything mounted: what it tells whom."""

from pathlib import Path

import httpx2
import pytest

from pattern_stack.app import create_app
from pattern_stack.settings import Settings, from_environment
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.server import serving


def settings(directory: Path, **values: object) -> Settings:
    return Settings(database_url=f"sqlite+aiosqlite:///{directory}/projects.db", **values)


@pytest.mark.parametrize("host", ["127.0.0.1", "redis.invalid"])
async def test_no_client_learns_where_redis_is(host: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://{host}:{port}/0"
    texts: list[str] = []
    with serving(create_app(settings(tmp_path, broadcast_url=url, fleet_redis_url=url, patience=0.1))) as server:
        async with httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            for method, path in [("GET", "/ready"), ("POST", "/api/v1/status"), ("GET", "/api/v1/notifications")]:
                answer = await http.request(method, path)
                assert answer.status_code == 503
                texts.append(answer.text)
        async with client(server.url) as one:
            answer = await one.ask({"subscribe": ["orders"]})
            assert answer["error"]["code"] == "unavailable"
            texts.append(answer["error"]["message"])
    for text in texts:
        assert "Redis" in text
        assert host not in text
        assert str(port) not in text


def test_the_settings_show_no_password() -> None:
    secret = "hunter2"
    urls = {name: f"redis://:{secret}@host/0" for name in Settings.model_fields if name.endswith("_url")}
    assert len(urls) == 3
    shown = Settings(**urls, fleet_computer="ann", inspector_token=secret)
    for text in (repr(shown), str(shown), f"{shown}"):
        assert secret not in text
        assert "fleet_computer='ann'" in text


def test_a_variable_that_is_no_setting_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("PATTERN_STACK_REDIS_URL", "PATTERN_STACK_ORIGIN", "PATTERN_STACK_X", "PATTERN_STACK_URL"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PATTERN_STACK_PATIENCE", "1")
    from_environment()
    assert [record.getMessage() for record in caplog.records] == [
        "PATTERN_STACK_ORIGIN is no setting, and is ignored: is PATTERN_STACK_ORIGINS meant?",
        "PATTERN_STACK_REDIS_URL is no setting, and is ignored: is REDIS_URL meant?",
        "PATTERN_STACK_X is no setting, and is ignored",
    ]

"""Behind a bridge a session is still its instance's own: it goes on while Redis is away, and nobody elsewhere hears of it."""

from pathlib import Path

import httpx2

from pattern_stack.app import create_app
from pattern_stack.settings import Settings
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.redis.server import RedisServer
from tests.support.server import serving


async def test_a_session_goes_on_while_redis_is_away(redis_server: RedisServer, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/projects.db"
    app = create_app(Settings(broadcast_url=redis_server.url, database_url=url))
    with serving(app) as server:
        async with (
            client(server.url) as one,
            httpx2.AsyncClient(base_url=f"{server.http}/api/v1", timeout=PATIENCE, verify=False) as http,
        ):
            made = (await http.post("/projects", json={"template_id": "restomod", "project_name": "P"})).json()
            channel = f"session:{made['session_id']}"
            await one.subscribe(channel)
            snapshot = await one.event()
            assert snapshot["payload"]["graph"] == made["graph"]
            redis_server.kill()
            body = {"blueprint_type_id": "phase", "name": "Body"}
            assert (await http.post(f"/{made['session_id']}/nodes", json=body)).status_code == 201
            names = [(await one.event())["event"] for _ in range(3)]
            assert names == ["command-executing", "node-created", "command-executed"]
            await one.nothing_more()
            assert (await http.delete(f"/sessions/{made['session_id']}")).status_code == 204
            assert (await one.event())["event"] == "session-closed"

"""Several instances on one real PostgreSQL."""

from contextlib import ExitStack

from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from tests.features.notifications.test_over_redis import watch_a_run
from tests.features.notifications.world import serving_world
from tests.support.postgres import PostgresServer


async def test_a_run_of_one_instance_is_watched_on_another(postgres_server: PostgresServer) -> None:
    with ExitStack() as stack:
        url = postgres_server.url
        here, there = (stack.enter_context(serving_world(bridge=PostgresBroadcastBackend(url))) for _ in range(2))
        await watch_a_run(here, there)

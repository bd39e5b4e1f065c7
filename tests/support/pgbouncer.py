"""A real PgBouncer before a PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postgres import DATABASE, PASSWORD, USER, PostgresServer, directory, unprivileged
from tests.support.process import Process
from tests.support.programs import program


@contextmanager
def pooler(server: PostgresServer, mode: str) -> Iterator[str]:
    """The URL of its database behind the pooler, which lets everybody in. `mode` is its pool_mode."""
    port = free_port()
    with directory() as home:
        settings = Path(home, "pgbouncer.ini")
        settings.write_text(
            f"[databases]\n"
            f"{DATABASE} = host=127.0.0.1 port={server.port} user={USER} password={PASSWORD}\n"
            f"[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {mode}\n"
        )
        settings.chmod(0o644)
        process = Process([*unprivileged(), program("pgbouncer").resolve(), settings], ready="process up")
        try:
            yield server.url.replace(f":{server.port}/", f":{port}/")
        finally:
            process.end()

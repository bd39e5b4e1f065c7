"""What tests believe of the PostgreSQL servers that they stand on."""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg
import pytest

from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.process import ROOT


def test_killed_it_refuses_and_comes_back_with_what_was_committed(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE TABLE kept (number integer)")
    postgres_server.execute("INSERT INTO kept VALUES (%s)", 7)
    url = postgres_server.url
    postgres_server.kill()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        postgres_server.connect()

    postgres_server.start()
    assert postgres_server.url == url
    assert postgres_server.execute("SELECT number FROM kept") == [(7,)]


def test_killed_it_takes_its_sessions_along(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as session:
        postgres_server.restart()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_each_begins_empty_and_on_a_port_of_its_own(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE TABLE mine ()")
    with PostgresServer() as other:
        assert other.port != postgres_server.port
        assert other.execute("SELECT to_regclass('mine')") == [(None,)]


def test_suspended_it_answers_nobody_until_it_is_resumed(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as session, ThreadPoolExecutor() as threads:
        postgres_server.pause()
        answer = threads.submit(session.execute, "SELECT 1")
        assert psutil.Process(session.info.backend_pid).status() == psutil.STATUS_STOPPED
        assert not answer.done()
        postgres_server.resume()
        assert answer.result().fetchone() == (1,)


def test_a_wrong_password_and_an_unknown_database_are_refused(postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgres_server.connect(postgres_server.url_as(password="wrong"))
    with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
        postgres_server.connect(postgres_server.url_as(database="nowhere"))
    assert 'database "nowhere" does not exist' in postgres_server.log()


def test_settings_are_those_of_postgresql_conf() -> None:
    with PostgresServer(max_connections=20) as server:
        assert server.execute("SHOW max_connections") == [("20",)]


def test_it_runs_as_somebody_who_is_not_root(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as session:
        assert psutil.Process(session.info.backend_pid).uids().real != 0


_KILLED = """
import os, signal, tempfile
from tests.support.postgres import PostgresServer
tempfile.tempdir = "{directory}"
server = PostgresServer()
server.start()
session = server.connect()
server.pause()
print(session.info.backend_pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_is_killed_leaves_no_server_behind() -> None:
    """Not even a suspended one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o711)  # the server's user passes through
        script = _KILLED.format(directory=directory)
        run = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert run.stdout, run.stderr
        session = int(run.stdout)
        eventually(lambda: not psutil.pid_exists(session), "a session still runs")

"""What tests believe of the Redis servers that they stand on."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from tests.support.eventually import eventually
from tests.support.process import ROOT
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.replicated import Replicated
from tests.support.redis.server import RedisServer

pytestmark = pytest.mark.redis


def test_killed_it_refuses_and_comes_back_empty_as_another_run(redis_server: RedisServer) -> None:
    redis_server.command("SET", "a", 1)
    before = redis_server.url, redis_server.run_id, redis_server.replication_id
    redis_server.kill()
    with pytest.raises(redis.ConnectionError, match="refused"):
        redis_server.command("PING")

    redis_server.start()
    after = redis_server.url, redis_server.run_id, redis_server.replication_id
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]
    assert redis_server.command("DBSIZE") == 0


def test_with_an_append_only_file_a_restart_keeps_all_until_that_is_deleted() -> None:
    with RedisServer(appendonly="yes") as server:
        server.command("SET", "a", 1)
        before = server.replication_id
        server.restart()
        assert server.command("GET", "a") == "1"
        assert server.replication_id != before
        server.kill()
        server.forget()
        server.start()
        assert server.command("GET", "a") is None


def test_a_restart_goes_back_to_what_was_saved(redis_server: RedisServer) -> None:
    redis_server.command("SET", "a", 1)
    redis_server.command("SAVE")
    redis_server.command("SET", "a", 2)
    before = redis_server.replication_id
    redis_server.restart()
    assert redis_server.command("GET", "a") == "1"
    assert redis_server.replication_id != before


def test_suspended_it_is_silent_and_afterwards_does_what_it_was_sent(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.ping()
        redis_server.pause()
        connection = client.connection_pool.get_connection()
        connection.send_command("SET", "a", 1)
        assert not connection.can_read(timeout=0.05)
        redis_server.resume()
        assert connection.read_response() == "OK"
        client.connection_pool.release(connection)


def test_a_password() -> None:
    with RedisServer(password="secret") as server:
        assert server.command("PING")
        for url in (server.url_as(), server.url_as("", "wrong")):
            with server.client(url) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()


def test_a_user_who_may_not_do_everything(redis_server: RedisServer) -> None:
    redis_server.command("ACL", "SETUSER", "ann", "on", ">secret", "~mine:*", "+get", "+set")
    with redis_server.client(redis_server.url_as("ann", "secret")) as ann:
        assert ann.set("mine:a", 1)
        with pytest.raises(redis.exceptions.NoPermissionError):
            ann.set("a", 1)


def test_tls_is_checked_against_its_certificate(redis_tls: RedisServer) -> None:
    assert redis_tls.command("PING")
    trusting_nobody = redis_tls.client(redis_tls.url.partition("?")[0])
    with trusting_nobody, pytest.raises(redis.ConnectionError, match=r"(?i)certificate"):
        trusting_nobody.ping()
    with redis_tls.client(f"redis://127.0.0.1:{redis_tls.port}") as plain, pytest.raises(redis.ConnectionError):
        plain.ping()


def test_settings_and_their_change() -> None:
    with RedisServer(maxmemory="5mb", maxmemory_policy="allkeys-lru") as server:
        assert server.command("CONFIG", "GET", "maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        server.configure(maxmemory_policy="noeviction", maxmemory=1)
        with pytest.raises(redis.OutOfMemoryError):
            server.command("SET", "a", 1)


def test_a_setting_that_it_does_not_know_is_told_and_leaves_nothing() -> None:
    with pytest.raises(AssertionError, match="no-such-setting"), RedisServer(no_such_setting=1):
        pass


def test_a_promoted_replica_has_all_that_reached_it(redis_replicated: Replicated) -> None:
    primary, replica = redis_replicated.primary, redis_replicated.replica
    before = primary.replication_id
    assert replica.replication_id == before
    primary.command("SET", "a", 1)
    redis_replicated.catch_up()
    redis_replicated.fail_over()
    assert replica.replication_id != before
    assert replica.info("role") == "master"
    assert replica.command("GET", "a") == "1"
    assert replica.command("SET", "a", 2)


def test_a_detached_replica_lacks_what_came_later(redis_replicated: Replicated) -> None:
    primary, replica = redis_replicated.primary, redis_replicated.replica
    primary.command("SET", "a", 1)
    redis_replicated.catch_up()
    redis_replicated.detach()
    primary.command("SET", "a", 2)
    assert replica.info("role") == "slave"
    redis_replicated.fail_over()
    assert replica.command("GET", "a") == "1"


def test_a_detached_replica_can_come_back(redis_replicated: Replicated) -> None:
    redis_replicated.detach()
    redis_replicated.primary.command("SET", "a", 1)
    redis_replicated.attach()
    assert redis_replicated.replica.command("GET", "a") == "1"


def test_a_cluster_spreads_keys_over_its_nodes(redis_cluster: RedisCluster) -> None:
    assert redis_cluster.is_whole()
    with redis.RedisCluster.from_url(redis_cluster.url) as client:
        for number in range(100):
            client.set(f"key:{number}", number)
    counts = [node.command("DBSIZE") for node in redis_cluster.nodes]
    assert sum(counts) == 100
    assert min(counts) > 10
    assert redis_cluster.node_of("key:7").command("GET", "key:7") == "7"


def test_a_cluster_survives_the_restart_of_a_node() -> None:
    with RedisCluster() as cluster:
        cluster.nodes[1].restart()
        eventually(cluster.is_whole)


_START_AND_BE_KILLED = """
import os, signal
from tests.support.redis.server import RedisServer
servers = [RedisServer(), RedisServer(), RedisServer()]
for server in servers:
    server.start()
servers[0].pause()
servers[1].kill()
print(*(server._process.popen.pid for server in servers if server._process), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_a_run_that_was_killed(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _START_AND_BE_KILLED],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},  # its directories stay: they are pytest's to remove
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    left = [int(pid) for pid in run.stdout.split()]
    assert len(left) == 2
    eventually(lambda: not any(_runs(pid) for pid in left))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""docker-compose.test.yml fits the files that it stands on. To start it takes Docker, which the tests do not ask for."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.support.balancer import CONFIG
from tests.support.process import ROOT
from tests.support.programs import program

DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTANCES = {"instance-1", "instance-2"}


@pytest.fixture
def services() -> dict[str, Any]:
    with (ROOT / "docker-compose.test.yml").open() as file:
        services: dict[str, Any] = yaml.safe_load(file)["services"]
    return services


def test_two_instances_of_the_dockerfile_wait_for_one_redis(services: dict[str, Any]) -> None:
    assert services.keys() == {"redis", "balancer"} | INSTANCES
    assert services["redis"]["healthcheck"]["test"] == ["CMD", "redis-cli", "ping"]
    for name in INSTANCES:
        assert services[name]["build"] == "."
        assert services[name]["environment"] == {"REDIS_URL": "redis://redis:6379/0"}
        assert services[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}
        assert "test" not in services[name]["healthcheck"]
    assert "HEALTHCHECK CMD" in DOCKERFILE
    assert ".[redis,server]" in DOCKERFILE


def test_what_the_image_is_made_of_is_there() -> None:
    (ignored, *kept) = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored == "*"
    for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in kept


def test_only_the_balancer_can_be_reached_and_it_waits_for_the_instances(services: dict[str, Any]) -> None:
    assert [name for name, one in services.items() if "ports" in one] == ["balancer"]
    assert services["balancer"]["ports"] == ["127.0.0.1:8000:8000"]
    assert services["balancer"]["depends_on"] == {name: {"condition": "service_healthy"} for name in INSTANCES}


def test_the_balancer_reads_the_configuration_that_the_tests_run(services: dict[str, Any]) -> None:
    (mounted,) = services["balancer"]["volumes"]
    assert mounted == f"./{CONFIG.relative_to(ROOT)}:/usr/local/etc/haproxy/haproxy.cfg:ro"
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    servers = re.findall(r"^  server (\S+) (\S+)$", CONFIG.read_text(), re.MULTILINE)
    assert servers == [(name, f"{name}:{port}") for name in sorted(INSTANCES)]


def test_haproxy_has_nothing_against_it() -> None:
    checked = subprocess.run([program("haproxy"), "-c", "-f", CONFIG], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr

"""Processes of the test server, and what their environment tells them."""

import pytest

from tests.support.instances import Instance, instances


def test_each_has_its_port_and_keeps_it_over_a_restart() -> None:
    with instances(2) as (one, two):
        assert one.port != two.port
        before = one.process.popen.pid
        one.kill()
        with pytest.raises(OSError, match="refused"):
            one.readiness()
        assert two.readiness() == 200
        one.start()
        one.until_ready()
        assert one.stats() == {"connections": 0, "channels": {}}
        assert one.process.popen.pid != before


def test_the_environment_reaches_it() -> None:
    instance = Instance(BROADCAST_URL="nats://elsewhere")
    with pytest.raises(AssertionError, match="nats"):
        instance.start()
    instance.end()

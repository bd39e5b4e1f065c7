"""On paper: instances, memory and Redis for up to 1,000,000 connections, computed from measured costs.

Connections are dealt out at random, to channels and to instances, as a load balancer does without sticky routing. What each
instance and Redis then have to do in a second is added up. Nothing runs here but the dealing: a real crowd also has weather.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

BUSY = 0.6
"""Of a core: what is left takes bursts, and the connections of an instance that ended."""


@dataclass(frozen=True)
class Costs:
    """CPU in us, memory in KiB. Where they come from: docs/scaling.md."""

    deliver: float = 4.7
    """One event to one socket, single events, 5,000 sockets."""
    hear: float = 13.9
    """One event that an instance gets from Redis."""
    publish: float = 24.3
    """One event, on the instance that publishes it."""
    ping: float = 16.2
    """One ping and its pong, every 20 s."""
    connect: float = 171.0
    """One handshake, one subscribe and its reply."""
    redis_event: float = 23.6
    redis_follower: float = 0.7
    """One event in Redis, and what each instance that follows its channel adds."""
    process: float = 2.9
    kernel: float = 5.0
    """An idle connection, in the process and in the kernel."""


@dataclass(frozen=True)
class Population:
    """`each`: channels that a connection is on. `rate`: events a second on each channel."""

    title: str
    connections: int
    channels: int
    each: int
    rate: float


POPULATIONS = (
    Population("a channel of one's own, an event a minute", 1_000_000, 1_000_000, 1, 1 / 60),
    Population("rooms of 50, an event a second in each", 1_000_000, 20_000, 1, 1.0),
    Population("one channel for all, an event in 2 s", 1_000_000, 1, 1, 0.5),
    Population("rooms of 50, an event a second in each", 100_000, 2_000, 1, 1.0),
)


@dataclass(frozen=True)
class Load:
    """Cores of the busiest instance and of Redis; GiB of an instance; seconds until the others have one instance's crowd."""

    instances: int
    instance: float
    redis: float
    memory: float
    return_seconds: float


def load(crowd: Population, instances: int, costs: Costs, seed: int = 1) -> Load:
    deal = random.Random(seed)
    members = Counter[int]()
    """Of channel c on instance i, at c * instances + i."""
    for _ in range(crowd.connections):
        at = deal.randrange(instances)
        members.update(deal.randrange(crowd.channels) * instances + at for _ in range(crowd.each))
    work = [0.0] * instances
    for place, count in members.items():
        work[place % instances] += crowd.rate * (costs.hear + count * costs.deliver)
    events, share = crowd.channels * crowd.rate, crowd.connections / instances
    own = events / instances * costs.publish + share * costs.ping / 20
    redis = events * costs.redis_event + len(members) * crowd.rate * costs.redis_follower
    free = (instances - 1) * (1 - BUSY)
    return Load(
        instances,
        (max(work) + own) / 1e6,
        redis / 1e6,
        share * (costs.process + costs.kernel) / 1_048_576,
        share * costs.connect / 1e6 / free if free else float("inf"),
    )


def smallest(crowd: Population, costs: Costs) -> Load:
    """With the fewest instances none of which is busier than BUSY."""
    found = load(crowd, 2, costs)
    while found.instance > BUSY:
        enough = max(found.instances + 1, int(found.instances * found.instance / BUSY))
        found = load(crowd, enough, costs)
    return found


def table(crowds: tuple[Population, ...], costs: Costs) -> Iterator[str]:
    heads = ("crowd", "connections", "instances", "busiest", "Redis", "GiB each", "return, s")
    yield f"{heads[0]:>42}  " + "  ".join(f"{head:>11}" for head in heads[1:])
    for crowd in crowds:
        one = smallest(crowd, costs)
        cells = (one.instance, one.redis, one.memory, one.return_seconds)
        yield f"{crowd.title:>42}  {crowd.connections:11,}  {one.instances:11}  " + "  ".join(
            f"{x:11.2f}" for x in cells
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of each crowd: a smaller one is dealt out faster")
    asked = parser.parse_args()
    crowds = tuple(
        Population(
            one.title, int(one.connections * asked.share), max(1, int(one.channels * asked.share)), one.each, one.rate
        )
        for one in POPULATIONS
    )
    print("\n".join(table(crowds, Costs())))
    print(
        f"cores: of the busiest instance, {BUSY:g} at most, and of Redis; a return: of an instance's crowd to the others"
    )


if __name__ == "__main__":
    main()

"""What is asked of every system: the crowds of clients, and what happens while each is connected."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.systems import System

PUBLISHERS = 16  # HTTP connections

RELINK = (sys.executable, "-m", "benchmarks.relink")
INSTANCES = 2  # that share a Redis

Kind = Literal[
    "connections",
    "rate",
    "latency",
    "publishes",
    "bytes",
    "shared rate",
    "shared latency",
    "shared publishes",
    "links",
    "returning",
]


@dataclass(frozen=True)
class Phase:
    """`argument` is the load generator's; connecting has none."""

    title: str
    kind: Kind
    argument: str = ""


@dataclass(frozen=True)
class Crowd:
    """Clients that connect once, each to one of the channels; a run of the load generator, or of another `driver`."""

    clients: int
    channels: int
    phases: tuple[Phase, ...]
    driver: tuple[str, ...] = ()

    def phases_of(self, system: System) -> list[Phase]:
        return [phase for phase in self.phases if _can(system, phase)]


def plan(sizes: list[int], seconds: float) -> list[Crowd]:
    """Crowds of these sizes on one channel, and the largest again on a channel each. Latency and size are the first crowd's."""
    largest = max(sizes)
    crowds = [Crowd(clients, 1, tuple(_deliveries(clients, seconds))) for clients in sizes]
    latency = Phase(f"{sizes[0]} latency", "latency", f"latency:20:{2 * seconds}")
    size = Phase(f"{sizes[0]} x 1, events of 1 KB", "bytes", f"rate:1:{seconds}")
    connections = Phase(f"{largest} connections", "connections")
    return [
        *(_with(_with(_with(crowd, latency, sizes[0]), size, sizes[0]), connections, largest) for crowd in crowds),
        Crowd(largest, largest, tuple(_publishes(largest, seconds))),
    ]


def shared_plan(clients: int, channels: int, seconds: float) -> list[Crowd]:
    """Over Redis: one subscriber, a crowd on each instance, and an instance with many channels that loses its link."""
    crowd = f"{INSTANCES} x {clients} over Redis"
    return [
        Crowd(
            1,
            1,
            (
                Phase("publishes over Redis, one awaited after the other", "shared publishes", f"rate:64:{seconds}"),
                Phase("publishes over Redis, 64 at a time", "shared publishes", f"together:64:{seconds}"),
            ),
        ),
        Crowd(
            INSTANCES * clients,
            1,
            (
                *(Phase(f"{crowd} x {burst}", "shared rate", f"rate:{burst}:{seconds}") for burst in (1, 16)),
                Phase(f"{crowd} x 16, published concurrently", "shared rate", f"together:16:{seconds}"),
                Phase(f"{crowd}, latency", "shared latency", f"latency:20:{2 * seconds}"),
            ),
        ),
        Crowd(100, channels, (Phase(f"{channels} channels and a lost link", "links"),), RELINK),
    ]


def _with(crowd: Crowd, phase: Phase, clients: int) -> Crowd:
    return replace(crowd, phases=(*crowd.phases, phase)) if crowd.clients == clients else crowd


def _deliveries(clients: int, seconds: float) -> Iterator[Phase]:
    for burst in (1, 16):
        yield Phase(f"{clients} x {burst}", "rate", f"rate:{burst}:{seconds}")


def _publishes(channels: int, seconds: float) -> Iterator[Phase]:
    yield Phase(f"{channels} channels, from the inside", "publishes", f"rate:1:{seconds}")
    yield Phase(f"{channels} channels, over HTTP", "publishes", f"http:{PUBLISHERS}:{seconds}")


def _can(system: System, phase: Phase) -> bool:
    if system.only or phase.kind in ("bytes", "links", "returning"):
        return phase.kind == system.only
    if system.shared or phase.kind.startswith("shared"):
        return system.shared and phase.kind.startswith("shared")
    from_inside = phase.kind == "publishes" and phase.argument.startswith("rate")
    return system.control != "-" or not from_inside

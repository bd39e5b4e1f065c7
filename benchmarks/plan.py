"""What is asked of every system: the crowds of clients, and what happens while each is connected."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.systems import System

PUBLISHERS = 16  # HTTP connections

Kind = Literal["connections", "rate", "latency", "publishes", "bytes"]


@dataclass(frozen=True)
class Phase:
    """`argument` is the load generator's; connecting has none."""

    title: str
    kind: Kind
    argument: str = ""


@dataclass(frozen=True)
class Crowd:
    """Clients that connect once, each to one of the channels; a run of the load generator."""

    clients: int
    channels: int
    phases: tuple[Phase, ...]

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


def _with(crowd: Crowd, phase: Phase, clients: int) -> Crowd:
    return replace(crowd, phases=(*crowd.phases, phase)) if crowd.clients == clients else crowd


def _deliveries(clients: int, seconds: float) -> Iterator[Phase]:
    for burst in (1, 16):
        yield Phase(f"{clients} x {burst}", "rate", f"rate:{burst}:{seconds}")


def _publishes(channels: int, seconds: float) -> Iterator[Phase]:
    yield Phase(f"{channels} channels, from the inside", "publishes", f"rate:1:{seconds}")
    yield Phase(f"{channels} channels, over HTTP", "publishes", f"http:{PUBLISHERS}:{seconds}")


def _can(system: System, phase: Phase) -> bool:
    if system.only or phase.kind == "bytes":
        return phase.kind == system.only
    from_inside = phase.kind == "publishes" and phase.argument.startswith("rate")
    return system.control != "-" or not from_inside

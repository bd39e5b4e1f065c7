"""Fleet: computers that show each other's state from a cache, over one Redis. docs/fleet.md explains it."""

from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.features.fleet.bodies import FleetSessionBody
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.errors import (
    EntryTooLarge,
    FleetFull,
    FleetSessionNotFound,
    InvalidComputer,
    SessionIsRemote,
)
from pattern_stack.features.fleet.feature import Fleet
from pattern_stack.features.fleet.models import Computer, FleetProject, FleetSession, Todo

__all__ = [
    "Clock",
    "Computer",
    "EntryTooLarge",
    "Fleet",
    "FleetFull",
    "FleetLimits",
    "FleetProject",
    "FleetSession",
    "FleetSessionBody",
    "FleetSessionNotFound",
    "Ids",
    "InvalidComputer",
    "SessionIsRemote",
    "Todo",
    "add_exception_handlers",
]

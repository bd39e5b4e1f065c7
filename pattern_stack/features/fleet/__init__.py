"""Fleet: computers that show each other's state from a cache, over one Redis. docs/fleet.md explains it."""

from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.features.fleet.bodies import SessionBody
from pattern_stack.features.fleet.errors import InvalidComputer, SessionIsRemote, SessionNotFound
from pattern_stack.features.fleet.models import Computer, Project, Session, Todo
from pattern_stack.features.fleet.service import Fleet

__all__ = [
    "Clock",
    "Computer",
    "Fleet",
    "Ids",
    "InvalidComputer",
    "Project",
    "Session",
    "SessionBody",
    "SessionIsRemote",
    "SessionNotFound",
    "Todo",
    "add_exception_handlers",
]

"""What every REST surface of this package has in common: the one form of an error, and a bound on what it reads."""

from pattern_stack.atoms.rest.body import TOO_LARGE, BoundedRoute
from pattern_stack.atoms.rest.errors import UNAVAILABLE, add_exception_handlers, error_answer, error_responses
from pattern_stack.atoms.rest.parameters import EventOrigin

__all__ = ["TOO_LARGE", "UNAVAILABLE", "BoundedRoute", "EventOrigin", "add_exception_handlers", "error_answer", "error_responses"]

"""What all REST calls of this package share: the form of errors, a bound on bodies, and who may change something."""

from pattern_stack.atoms.rest.body import TOO_LARGE, BoundedRoute
from pattern_stack.atoms.rest.errors import UNAVAILABLE, add_exception_handlers, error_answer, error_responses
from pattern_stack.atoms.rest.origin import OriginRoute
from pattern_stack.atoms.rest.parameters import EventOrigin

__all__ = [
    "TOO_LARGE",
    "UNAVAILABLE",
    "BoundedRoute",
    "EventOrigin",
    "OriginRoute",
    "add_exception_handlers",
    "error_answer",
    "error_responses",
]

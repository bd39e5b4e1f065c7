"""What every REST surface of this package has in common: the one form of an error, and a bound on what it reads."""

from pattern_stack.atoms.rest.body import BoundedRoute
from pattern_stack.atoms.rest.errors import ErrorAnswer, answer_errors, refusals

__all__ = ["BoundedRoute", "ErrorAnswer", "answer_errors", "refusals"]

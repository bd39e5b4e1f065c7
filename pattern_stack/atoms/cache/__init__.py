"""Entries that age, and a count of who watches them: an atom without IO."""

from pattern_stack.atoms.cache.interest import Interest
from pattern_stack.atoms.cache.ttl import Cache, Change, Lifetime

__all__ = ["Cache", "Change", "Interest", "Lifetime"]

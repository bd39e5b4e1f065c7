"""What is known for a while, and who wants to know it: an atom without IO."""

from pattern_stack.atoms.cache.interest import Interest
from pattern_stack.atoms.cache.ttl import Cache, Change, Lifetime

__all__ = ["Cache", "Change", "Interest", "Lifetime"]

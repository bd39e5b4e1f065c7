"""Computers that show each other's state from a cache, over one Redis. docs/fleet.md explains it."""

from pattern_stack.features.fleet.fleet import Fleet

__all__ = ["Fleet"]

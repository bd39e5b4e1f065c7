"""The connections to Redis that atoms share: the only place that imports redis-py."""

from redis.exceptions import ResponseError

from pattern_stack.atoms.redis.errors import Lost, Refused
from pattern_stack.atoms.redis.link import Link, Listener

__all__ = ["Link", "Listener", "Lost", "Refused", "ResponseError"]

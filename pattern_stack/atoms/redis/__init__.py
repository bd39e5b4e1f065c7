"""The connections to Redis that atoms share: the only place that imports redis-py."""

from pattern_stack.errors import NotInstalled

try:
    from redis.credentials import CredentialProvider
    from redis.exceptions import ResponseError
except ModuleNotFoundError as error:
    raise NotInstalled("redis-py is missing: pip install 'pattern-stack[redis]'") from error

from pattern_stack.atoms.redis.errors import LinkDown, ServerRejected, in_short
from pattern_stack.atoms.redis.link import Link, Listener, on_shards

__all__ = [
    "CredentialProvider",
    "Link",
    "LinkDown",
    "Listener",
    "ResponseError",
    "ServerRejected",
    "in_short",
    "on_shards",
]

"""The connections to PostgreSQL that atoms share: the only place that imports psycopg."""

from pattern_stack.errors import NotInstalled

try:
    import psycopg  # noqa: F401
except ImportError as error:
    raise NotInstalled("psycopg 3 is missing: pip install 'pattern-stack[postgres]'") from error

from pattern_stack.atoms.postgres.batch import Batch
from pattern_stack.atoms.postgres.errors import Failed, LinkDown, ServerRejected, in_short
from pattern_stack.atoms.postgres.link import Link, Listener
from pattern_stack.atoms.postgres.server import Server
from pattern_stack.atoms.postgres.session import Row, Run
from pattern_stack.atoms.postgres.values import Value, array, integer, unpacked

__all__ = [
    "Batch",
    "Failed",
    "Link",
    "LinkDown",
    "Listener",
    "Row",
    "Run",
    "Server",
    "ServerRejected",
    "Value",
    "array",
    "in_short",
    "integer",
    "unpacked",
]

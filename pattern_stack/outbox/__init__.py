"""One commit, one event: events that are rows of the application's own transaction. Needs the extra `sql` (SQLAlchemy)."""

from pattern_stack.errors import NotInstalled

try:
    import sqlalchemy as _  # noqa: F401 - the other modules import it where they use it
except ModuleNotFoundError as error:
    raise NotInstalled("SQLAlchemy is missing: pip install 'pattern-stack[sql]'") from error

from pattern_stack.outbox.outbox import Outbox
from pattern_stack.outbox.queue import SetAside

__all__ = ["Outbox", "SetAside"]

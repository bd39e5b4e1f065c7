"""What another instance wrote, and this one cannot read: an error of the session, which ends nothing else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.errors import PatternStackError
from pattern_stack.features.sessions.errors import SessionUnavailable

_log = LogEvery(logging.getLogger(__name__))


@contextmanager
def legible(session_id: str) -> Iterator[None]:
    """Around reading its journal. Raises SessionUnavailable, which is logged, where that is damaged or of another version."""
    try:
        yield
    except PatternStackError:
        raise
    except Exception as error:  # whatever reading what nobody here has written leads to
        _log.warning("the journal of session %s cannot be read: %s: %s", session_id, type(error).__name__, error)
        raise SessionUnavailable(
            "this instance cannot read the session's journal: it is damaged, or of another version of this package"
        ) from error

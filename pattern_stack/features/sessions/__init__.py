"""Sessions: several people edit one project graph live."""

from pattern_stack.features.sessions.service import Sessions
from pattern_stack.features.sessions.store import ProjectStore

__all__ = ["ProjectStore", "Sessions"]

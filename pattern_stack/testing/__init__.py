"""For the tests of applications: what was published, what clients get, and what happens when the network fails.

The fixtures `broadcast_log` and `faults` come with the installation: pytest loads them by its entry point.
"""

from pattern_stack.testing.agreement import assert_snapshot_agrees
from pattern_stack.testing.blocking import assert_never_blocked
from pattern_stack.testing.faults import Faults
from pattern_stack.testing.log import BroadcastLog, Published
from pattern_stack.testing.subscription import subscribe

__all__ = ["BroadcastLog", "Faults", "Published", "assert_never_blocked", "assert_snapshot_agrees", "subscribe"]

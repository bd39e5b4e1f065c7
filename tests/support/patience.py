"""How long tests wait for a state before they fail. No test judges a duration by it: it turns a hang into a failure."""

PATIENCE = 60.0
"""Seconds. Enough on a machine whose cores are busy."""

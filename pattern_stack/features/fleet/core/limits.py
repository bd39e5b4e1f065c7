"""The bounds of a fleet, in one frozen place."""

from dataclasses import dataclass

from pattern_stack.atoms.bounds import check_bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLimits:
    """How much one computer holds of a fleet. What is over a bound is refused or left out, and logged."""

    sessions: int = 1_000
    """Sessions of this computer, and of each other one. Over REST one more is FLEET_FULL."""
    computers: int = 1_000
    """Other computers that are known at a time. Heartbeats of more are skipped."""
    todo_bytes: int = 262_144
    """The file of a todo. A longer one is left out."""
    entry_bytes: int = 4_194_304
    """The data of one stream entry, which holds all that a computer has of a resource: all of its sessions, projects or todos
    together. One more session is FLEET_ENTRY_TOO_LARGE, further projects and todos are left out, longer entries of other
    computers are skipped."""

    def __post_init__(self) -> None:
        """Raises TypeError for what is no number, ValueError for one below 0 or a fraction."""
        check_bounds(self)

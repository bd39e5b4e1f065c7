"""One worker as the broker sees it."""


class Peer:
    """What it is to be sent, in two rows. `answers` tell it of its publishes, and are written before anybody else hears of
    them: a publish that has no answer when the broker dies was heard of by nobody, and can be made again."""

    __slots__ = ("answers", "heard", "is_worker", "members", "space", "waiting")

    def __init__(self, now: float) -> None:
        self.space = ""
        """Workers hear of each other within a space. Empty until it has said hello."""
        self.is_worker = True
        """The broker lives as long as one of these is there. A publisher is none."""
        self.heard = now
        self.answers: list[bytes] = []
        self.waiting: list[bytes] = []
        self.members: dict[tuple[str, str], None] = {}
        """Channel and connection of those of its connections that are on a channel with presence."""

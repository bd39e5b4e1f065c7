"""Which instances live: each is heard now and then, and counts its own voice as the others do. No IO, no clock.

Time is counted in own voices that came back: while the link is down, or this instance stands still, nobody dies.
"""

SILENT = 4
"""An instance that was not heard while the own voice came back so often is dead."""


class Fellows:
    def __init__(self, me: str) -> None:
        self.me = me
        self._silence: dict[str, int] = {}
        """How often the own voice was heard since that of each other instance."""
        self._heard = 0

    @property
    def is_sure(self) -> bool:
        """Whether it has listened for long enough to know who is not there."""
        return self._heard >= SILENT

    def hear(self, instance: str) -> None:
        if instance == self.me:
            self._heard += 1
            self._silence = {one: count + 1 for one, count in self._silence.items() if count < SILENT}
        else:
            self._silence[instance] = 0

    def leave(self, instance: str) -> None:
        """It says that it goes."""
        self._silence.pop(instance, None)

    def interrupt(self) -> None:
        """Voices may have been missed: listen anew."""
        self._heard = 0
        self._silence = dict.fromkeys(self._silence, 0)

    def lives(self, instance: str) -> bool:
        """As far as it is known; who was never heard does not."""
        return instance == self.me or self._silence.get(instance, SILENT) < SILENT

    def may_live(self, instance: str) -> bool:
        """Whether it lives, or that is not known yet."""
        return not self.is_sure or self.lives(instance)

    @property
    def living(self) -> list[str]:
        return sorted(one for one in (self.me, *self._silence) if self.lives(one))

"""What a log says while a client cannot reach its server, or may not yet follow a channel."""

import logging

from pattern_stack.atoms.printable import printable

logger = logging.getLogger("pattern_stack.client")

_TEXT = 200


class Outage:
    """One WARNING when it begins, however often the client tries, and one INFO line when it is over."""

    def __init__(self, begins: str, ends: str) -> None:
        self._texts = begins, ends
        self._is_on = False

    def goes_on(self, reason: str) -> None:
        if not self._is_on:
            self._is_on = True
            logger.warning("%s: %s; trying again", self._texts[0], printable(reason[:_TEXT]))

    def is_over(self) -> None:
        if self._is_on:
            self._is_on = False
            logger.info("%s", self._texts[1])

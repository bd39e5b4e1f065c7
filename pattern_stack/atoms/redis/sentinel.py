"""Sentinels: where the primary of a name is now."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pattern_stack.atoms.redis.errors import LinkDown, ServerRejected, refused
from pattern_stack.atoms.redis.line import Dial, Line

_SECONDS = 1.0

Answer = tuple[bytes, bytes] | None
"""Host and port; None from a sentinel that knows no primary of this name."""


class Sentinels:
    """The sentinels of a URL. All are asked at once: one that is away or stalled holds nobody up."""

    def __init__(self, dials: Sequence[Dial], primary: str) -> None:
        self.dials = dials
        self._primary = primary

    async def locate(self) -> dict[str, Any]:
        """The primary that most of them name, as `host` and `port`.

        Raises ServerRejected where those that answer refuse, or know no such primary, and LinkDown where none answers.
        """
        answers = await asyncio.gather(*map(self._ask, self.dials), return_exceptions=True)
        return chosen(answers, self._primary)

    async def named(self) -> dict[str, Any] | None:
        """The same; None where nobody can tell now."""
        try:
            return await self.locate()
        except (LinkDown, ServerRejected):
            return None

    async def _ask(self, dial: Dial) -> Answer:
        line = Line(dial)
        try:
            async with asyncio.timeout(_SECONDS):
                await line.connect()
                answer: Answer = await line.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._primary)
                return answer
        finally:
            await line.abort()


def chosen(answers: Sequence[Answer | BaseException], primary: str) -> dict[str, Any]:
    """Out of what the sentinels have answered: see `locate`."""
    named = Counter(tuple(answer) for answer in answers if answer and not isinstance(answer, BaseException))
    if named:
        (host, port), _ = named.most_common(1)[0]
        return {"host": host.decode(), "port": int(port)}
    for answer in answers:
        if isinstance(answer, BaseException) and (refusal := refused(answer)):
            raise ServerRejected(f"of its sentinels, {refusal}".replace("it says", "one says"))
    if None in answers:
        raise ServerRejected(f"its sentinels know no primary of the name {primary!r}")
    raise LinkDown("no sentinel answers", sent=False)

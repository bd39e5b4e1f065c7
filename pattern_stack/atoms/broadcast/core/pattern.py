"""Channel patterns, like `room:{room_id}`."""


class ChannelPattern:
    """Matches channels and tells the values of the pattern's parameters.

    A parameter may be empty, and takes as much as it can, so that no odd name slips past the channel's authorize. Raises
    ValueError for a parameter whose name is no identifier or stands there twice, and for a brace without its other half.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        first, *rest = pattern.split("{")
        pieces = [piece.partition("}") for piece in rest]
        self.parameters = [name for name, _, _ in pieces]
        self._literals = [first, *(literal for _, _, literal in pieces)]
        if not all(brace for _, brace, _ in pieces) or "}" in "".join(self._literals):
            raise ValueError(f"a brace in {pattern!r} has no other half")
        for number, name in enumerate(self.parameters):
            if not name.isidentifier() or name in self.parameters[:number]:
                raise ValueError(f"{name!r} in {pattern!r} is not a parameter's name, or stands there twice")

    def __repr__(self) -> str:
        return f"ChannelPattern({self._pattern!r})"

    def match(self, channel: str) -> dict[str, str] | None:
        """The value of each parameter; None where the channel does not match.

        Each literal is looked for once, from the end of the channel on. A client cannot make that slow, as it could make a
        regular expression that backtracks.
        """
        first, *between = self._literals
        if not between:
            return {} if channel == first else None
        last = between.pop()
        end = len(channel) - len(last)
        if end < len(first) or not (channel.startswith(first) and channel.endswith(last)):
            return None
        values = list[str]()
        for literal in reversed(between):
            at = channel.rfind(literal, len(first), end)
            if at < 0:
                return None
            values.append(channel[at + len(literal) : end])
            end = at
        values.append(channel[len(first) : end])
        return dict(zip(self.parameters, reversed(values), strict=True))

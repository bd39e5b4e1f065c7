"""Whether positions of two epochs lie in one order."""

_LATER_PERIODS = 3


def continues(told: str, epoch: str) -> bool:
    """Whether the epoch goes on from what was told: it is the same, or it was told before the channel's first event.

    A store that leaves nothing behind when a channel without an event is read tells the epoch that its first event will
    begin, as `NAME-PERIOD`. That event may come up to 3 periods later. No other event can have had the epoch that was told:
    a channel's state is kept for longer than that.
    """
    if told == epoch:
        return True
    name, _, period = told.rpartition("-")
    this_name, _, this_period = epoch.rpartition("-")
    if not name or name != this_name or not (_is_period(period) and _is_period(this_period)):
        return False
    return 0 < int(this_period) - int(period) <= _LATER_PERIODS


def _is_period(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 17

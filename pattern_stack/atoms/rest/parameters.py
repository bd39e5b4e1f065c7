"""Parameters that calls of several features take."""

from typing import Annotated

from fastapi import Header

EventOrigin = Annotated[
    str | None,
    Header(
        alias="X-Origin", max_length=200, description="It comes back as `origin` on the events that this call causes."
    ),
]
"""The header by which a client recognises the events of its own calls."""

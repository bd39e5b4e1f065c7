"""What is asked of the inspector."""

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

From = Annotated[int, Field(ge=0, le=1_000_000)]

ROWS = 25


class Query(BaseModel):
    """What of an instance is shown. The default is the beginning of everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[str, Field(max_length=200)] = ""
    """Rows in which this text occurs: the key of a user, the name of a channel, the id of a connection, a code, a reason."""
    sort: Literal["subscribers", "rate", "name"] = "subscribers"
    """The order of channels."""
    channels: From = 0
    """The number of the first channel that is shown."""
    connections: From = 0
    ended: From = 0
    rows: Annotated[int, Field(ge=1, le=100)] = ROWS
    """Of each list."""


class Disconnect(BaseModel):
    """A connection of this instance."""

    model_config = ConfigDict(extra="forbid")

    connection_id: Annotated[str, Field(min_length=1, max_length=100)]


def query_of(name: str) -> Query:
    """As the name of a channel has it: JSON in base64url. Raises ValueError."""
    if not name:
        return Query()
    try:
        return Query.model_validate_json(base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)))
    except ValueError as error:
        raise ValueError("this is no query of the inspector") from error

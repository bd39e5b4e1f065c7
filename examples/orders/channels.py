"""What flows over the channels of orders. `page/src/channels.ts` is made of it: see README.md."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pattern_stack import Channel, WebSocketBroadcastBackend

from .orders import NewOrder, Status


class OrderChanged(BaseModel):
    """Fetch this order again."""

    entity_id: str


class Create(BaseModel):
    kind: Literal["create"]
    order: NewOrder


class Update(BaseModel):
    kind: Literal["update"]
    id: str
    status: Status


class Delete(BaseModel):
    kind: Literal["delete"]
    id: str


class Refused(BaseModel):
    """The change that was asked for is none: fetch the orders again."""


Change = Annotated[Create | Update | Delete, Field(discriminator="kind")]


def declare(broadcast: WebSocketBroadcastBackend) -> None:
    @broadcast.channel("orders", events=dict.fromkeys(["created", "updated", "deleted"], OrderChanged))
    class Orders(Channel):
        """Each change of an order, once it is committed."""

    @broadcast.channel("orders:tabs", events={"asked": Change, "refused": Refused})
    class Tabs(Channel):
        """What the tabs of one browser tell each other. The server publishes nothing here."""

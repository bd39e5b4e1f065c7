"""REST for orders. Whoever has them on the screen is told of each change if and only if it is committed."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.exc import IntegrityError
from starlette.requests import HTTPConnection

from pattern_stack.outbox import Outbox

from .database import OrderRow, database, sessions

IN_STOCK = 20
"""What the server knows and the page does not."""

router = APIRouter(prefix="/api/orders", lifespan=database)

Text = Annotated[str, Field(min_length=1, max_length=80)]
Status = Literal["new", "packed", "shipped"]
Origin = Annotated[str | None, Header(alias="X-Origin")]
"""The client whose doing this is: its own event tells it nothing new."""


def _outbox(connection: HTTPConnection) -> Outbox:
    outbox: Outbox = connection.app.state.outbox
    return outbox


Told = Annotated[Outbox, Depends(_outbox)]
"""An event of a transaction goes to whoever is on the channel `orders`, once the transaction is committed."""


class NewOrder(BaseModel):
    id: str = Field(pattern="^[0-9a-f]{32}$")
    """Made by the page, so that the order is the same one before and after the server has it."""
    customer: Text
    item: Text
    quantity: int = Field(ge=1)


class OrderChange(BaseModel):
    status: Status


class Order(NewOrder):
    model_config = ConfigDict(from_attributes=True)

    number: int
    version: int
    status: Status


@router.get("", response_model=list[Order])
async def orders() -> list[OrderRow]:
    async with sessions() as session:
        return list(await session.scalars(select(OrderRow).order_by(OrderRow.number.desc())))


@router.post("", status_code=201, response_model=Order)
async def create(new: NewOrder, outbox: Told, origin: Origin = None) -> OrderRow:
    if new.quantity > IN_STOCK:
        raise HTTPException(409, f"Only {IN_STOCK} of these are in stock.")
    order = OrderRow(**new.model_dump())
    try:
        async with sessions.begin() as session:
            session.add(order)
            outbox.broadcast(session, "orders", "created", {"entity_id": order.id}, origin=origin)
    except IntegrityError:
        raise HTTPException(409, "There is such an order already.") from None
    return order


@router.patch("/{order_id}", response_model=Order)
async def change(order_id: str, change: OrderChange, outbox: Told, origin: Origin = None) -> OrderRow:
    changed = update(OrderRow).where(_is_open(order_id)).values(status=change.status, version=OrderRow.version + 1)
    async with sessions.begin() as session:
        order: OrderRow | None = await session.scalar(changed.returning(OrderRow))
        if order is not None:
            outbox.broadcast(session, "orders", "updated", {"entity_id": order_id}, origin=origin)
    if order is None:
        raise await _refusal(order_id)
    return order


@router.delete("/{order_id}", status_code=204)
async def remove(order_id: str, outbox: Told, origin: Origin = None) -> None:
    async with sessions.begin() as session:
        removed = await session.scalar(delete(OrderRow).where(_is_open(order_id)).returning(OrderRow.id))
        if removed is not None:
            outbox.broadcast(session, "orders", "deleted", {"entity_id": order_id}, origin=origin)
    if removed is None:
        raise await _refusal(order_id)


def _is_open(order_id: str) -> ColumnElement[bool]:
    return and_(OrderRow.id == order_id, OrderRow.status != "shipped")


async def _refusal(order_id: str) -> HTTPException:
    async with sessions() as session:
        shipped = await session.scalar(select(OrderRow).where(OrderRow.id == order_id))
    return HTTPException(409, "A shipped order stays as it is.") if shipped else HTTPException(404, "It is gone.")

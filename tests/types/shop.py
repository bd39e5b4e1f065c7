"""An application that declares every kind of type there is."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from pattern_stack import Channel, Connection, WebSocketBroadcastBackend, command

T = TypeVar("T")


class Status(Enum):
    """How far an order is."""

    NEW = "new"
    SHIPPED = "shipped"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Line(BaseModel):
    sku: str
    count: int = Field(gt=0, description="Pieces.")


class Card(BaseModel):
    kind: Literal["card"]
    last_four: str = Field(pattern=r"^\d{4}$")


class Invoice(BaseModel):
    kind: Literal["invoice"]
    due: date | None = None


Payment = Annotated[Card | Invoice, Field(discriminator="kind")]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    total: int


class Category(BaseModel):
    """It may hold others."""

    name: str
    children: list["Category"] = []


class OrderCreated(BaseModel):
    """A customer has placed an order.

    It is not paid yet. */ stays inside of a comment.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: UUID
    placed_at: datetime
    total: Decimal = Field(description="In euros.")
    status: Status = Status.NEW
    level: Level = Level.LOW
    lines: list[Line]
    by_sku: dict[str, Line] = {}
    counts: dict[Status, int] = {}
    payment: Payment | None = None
    first_line: Line | None = Field(None, description="The first of the lines.")
    pages: Page[Line]
    category: Category
    size: tuple[int, str]
    rest: tuple[int, ...] = ()
    tags: set[str] = set()
    took: timedelta | None = None
    anything: Any = None
    sort: Literal["up", 1, None] = None
    on: date | None = None
    strange_name: int = Field(0, alias="strange-name")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return sum(line.count for line in self.lines)


class OrderRemoved(BaseModel):
    id: UUID
    reason: str | None


class Cancel(BaseModel):
    """Which order, and why."""

    id: UUID
    payment: Payment
    reason: str = Field("", max_length=10)
    lines: list[Line] = []
    at: datetime | None = None
    amount: Decimal | None = None
    counts: dict[Status, int] = {}
    size: tuple[int, str] | None = None


class Cancelled(BaseModel):
    refund: Decimal
    status: Status


backend = WebSocketBroadcastBackend(bridge=None)


@backend.channel("orders:{tenant}", events={"created": OrderCreated, "removed": OrderRemoved, "paid": Payment})
class Orders(Channel):
    """The orders of one tenant."""

    @command("cancel")
    async def cancel(self, connection: Connection, payload: Cancel, tenant: str) -> Cancelled:
        """Cancel an order that has not been shipped."""
        return Cancelled(refund=Decimal("1.5"), status=Status.NEW)

    @command("list")
    async def list(self, connection: Connection, payload: dict[str, Any], tenant: str) -> Page[Line]:
        return Page[Line](items=[], total=0)

    @command("forget/all~")
    async def forget(self, connection: Connection, payload: dict[str, Any], tenant: str) -> None: ...


@backend.channel("orders:{tenant}:{order_id}", events={"moved to": Category, "line/~": Line})
class Order(Channel): ...


@backend.channel("room:{room_id}", presence=True, events={"said": Line})
class Room(Channel):
    async def snapshot(self, connection: Connection, room_id: str) -> dict[str, Any]:
        return {"lines": []}


@backend.channel("files:{name:path}", events={"changed": Line, "snapshot": Page[Line]})
class Files(Channel):
    async def snapshot(self, connection: Connection, name: str) -> dict[str, Any]:
        return {"items": [], "total": 0}


backend.channel("news")(Channel)

app = FastAPI(title="Shop", version="2.1")


@app.get("/ready")
async def ready() -> None: ...


@app.post("/rooms/{room_id}")
async def say(room_id: str, line: Line) -> None:
    await backend.broadcast(f"room:{room_id}", "said", line)


app.include_router(backend.get_router("/live/ws/broadcast"), prefix="/api")


def made() -> FastAPI:
    return app

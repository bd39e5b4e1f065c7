"""Orders that everybody sees change: `pattern-stack serve examples.orders.app:app`."""

from pathlib import Path

from fastapi.staticfiles import StaticFiles

from pattern_stack.app import create_app
from pattern_stack.outbox import Outbox

from .channels import declare
from .database import engine
from .orders import router

app = create_app()  # the broadcast endpoint, /ready, and errors as {"error": {"code", "message"}}
declare(app.state.broadcast)  # what does not fit the declared types is not published
app.state.outbox = Outbox(app.state.broadcast, engine)  # /ready asks it too
app.include_router(router)
app.include_router(app.state.outbox.get_router())  # its table, and the relay that publishes what is committed
app.mount("/", StaticFiles(directory=Path(__file__).parent / "page" / "dist", html=True))

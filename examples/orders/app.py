"""Orders that everybody sees change: `pattern-stack serve examples.orders.app:app`."""

from pathlib import Path

from fastapi.staticfiles import StaticFiles

from pattern_stack.app import create_app

from .orders import router

app = create_app()  # the broadcast endpoint, /ready, and errors as {"error": {"code", "message"}}
app.include_router(router)
app.mount("/", StaticFiles(directory=Path(__file__).parent / "page" / "dist", html=True))

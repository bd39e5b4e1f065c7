"""An application whose page uses the shared socket of the built TypeScript client. With `?blocked` no WebSocket opens there."""

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from pattern_stack import WebSocketBroadcastBackend
from tests.support.process import ROOT

CLIENT = ROOT / "clients" / "typescript" / "dist" / "esm"

PAGE = """<!doctype html>
<title>Shared socket</title>
<p id="state"></p><p id="sockets">0</p><p id="offsets"></p>
<script type="importmap">{"imports": {"@pattern-stack/broadcast": "/client/index.js"}}</script>
<script type="module">
  import { BroadcastClient, webSocket } from "@pattern-stack/broadcast"
  import { sharedSocket } from "/client/shared.js"

  const show = (id, text) => (document.getElementById(id).textContent = text)
  let sockets = 0
  const socket = (url) => {
    show("sockets", ++sockets)
    return webSocket(location.search ? url + "/blocked" : url)
  }
  const client = new BroadcastClient("/ws/broadcast", { socket: sharedSocket({ socket }), reconnect: { first: 50 } })
  const offsets = []
  client.onReset(() => offsets.push("reset"))
  client.onStateChange(async (state) => {
    if (state === "connected") await client.ready("orders")
    show("state", client.state)
  })
  client.subscribe("orders", ({ offset }) => {
    offsets.push(offset)
    show("offsets", offsets.join())
  })
  client.connect()
  addEventListener("pageshow", ({ persisted }) => persisted && (document.title = "Restored"))
</script>
"""

broadcast = WebSocketBroadcastBackend()
app = FastAPI()
app.include_router(broadcast.get_router())
app.mount("/client", StaticFiles(directory=CLIENT))


@app.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


@app.get("/other")
async def other_page() -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>Other</title>")


@app.get("/ready")
async def ready() -> None:
    pass


@app.post("/publish")
async def publish() -> int:
    """Publish an event. Returns its offset."""
    return (await broadcast.broadcast("orders", "created", {})).offset

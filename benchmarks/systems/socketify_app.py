"""socketify (uWebSockets) with a topic for each channel.

Set: no compression, as everywhere here, and 1 MiB of backpressure: past its default of 64 KiB events are dropped. A body
is taken by on_data: with `await res.get_json()` the process aborts under several connections (its issue 166)."""

import json

from events import asked, event
from socketify import App, AppListenOptions, CompressOptions, OpCode

app = App()


def upgrade(res, req, socket_context):
    headers = [req.get_header(f"sec-websocket-{name}") for name in ("key", "protocol", "extensions")]
    res.upgrade(*headers, socket_context, req.get_parameter(0))


def publish(res, req):
    text = bytearray()

    def take(res, chunk, is_end):
        text.extend(chunk)
        if is_end:
            body = json.loads(text)
            app.publish(body["channel"], json.dumps(event(**body)), OpCode.TEXT)
            res.write_status(204).end_without_body()

    res.on_data(take)


def control(ws, frame, opcode):
    for channel in asked(frame):
        app.publish(channel, json.dumps(event(channel)), OpCode.TEXT)


settings = {"compression": CompressOptions.DISABLED, "max_backpressure": 1024 * 1024}
app.ws("/events/:channel", {**settings, "upgrade": upgrade, "open": lambda ws: ws.subscribe(ws.get_user_data())})
app.ws("/control", {**settings, "message": control})
app.post("/publish", publish)
app.listen(
    AppListenOptions(port=0, host="127.0.0.1"),
    lambda config: print(f"running on http://127.0.0.1:{config.port}", flush=True),
)
app.run()

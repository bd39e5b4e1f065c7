// The `ws` package of Node, as its documentation shows a broadcast.
import { createRequire } from "node:module"
import { createServer } from "node:http"
const { WebSocketServer } = createRequire(process.cwd() + "/")("ws")

const EVENT = { channel: "bench", event: "tick", payload: { entity_id: "1" }, timestamp: "2026-11-21T07:00:00.123456Z", offset: 1 }
const http = createServer()
const server = new WebSocketServer({ noServer: true })
const listeners = new Set()
http.on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head, (client) => {
  if (request.url === "/control") {
    client.on("message", (text) => {
      for (let k = Number(text); k > 0; k--) {
        const data = JSON.stringify(EVENT)
        for (const listener of listeners) listener.send(data)
      }
    })
  } else {
    listeners.add(client)
    client.on("close", () => listeners.delete(client))
  }
}))
http.listen(0, "127.0.0.1", 4096, () => console.log(`running on http://127.0.0.1:${http.address().port}`))

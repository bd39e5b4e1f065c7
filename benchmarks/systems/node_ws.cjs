// The `ws` package of Node, as its documentation shows a broadcast: a set of sockets for each channel.
// Its permessage-deflate is off unless asked for, which is left so.
const { createServer } = require("node:http")
const { WebSocket, WebSocketServer } = require("ws")
const { asked, listen, posted } = require("./events.cjs")

const channels = new Map()
const server = new WebSocketServer({ noServer: true })

function broadcast(event) {
  const data = JSON.stringify(event)
  for (const client of channels.get(event.channel) ?? [])
    if (client.readyState === WebSocket.OPEN) client.send(data)
}

function subscribe(client, channel) {
  if (!channels.has(channel)) channels.set(channel, new Set())
  channels.get(channel).add(client)
  client.on("close", () => channels.get(channel).delete(client))
}

const http = createServer(posted(broadcast))
http.on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head, (client) => {
  if (request.url === "/control") client.on("message", (frame) => asked(frame, broadcast))
  else subscribe(client, request.url.split("/").at(-1))
}))
listen(http)

// Socket.IO on Node, a room for each channel.
// Set: websocket alone, for the clients do not begin by polling; pings so rare that none is taken for an event; no client
// files; and what its documentation says of memory: the first request of a connection is let go.
// permessage-deflate is off unless asked for, which is left so.
const { createServer } = require("node:http")
const { Server } = require("socket.io")
const { WebSocketServer } = require("ws")
const { asked, listen, posted } = require("./events.cjs")

const broadcast = (event) => io.to(event.channel).emit(event.event, event)
const http = createServer(posted(broadcast))
const io = new Server(http, { transports: ["websocket"], pingInterval: 300_000, serveClient: false, destroyUpgrade: false })
io.on("connection", (socket) => socket.join(socket.handshake.auth.channel))
io.engine.on("connection", (socket) => { socket.request = null })

const control = new WebSocketServer({ noServer: true })
http.on("upgrade", (request, socket, head) => {
  if (request.url === "/control") control.handleUpgrade(request, socket, head, (client) =>
    client.on("message", (frame) => asked(frame, broadcast)))
})
listen(http)

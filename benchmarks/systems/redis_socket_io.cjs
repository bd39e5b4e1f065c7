// Socket.IO on Node with connection state recovery over Redis streams, a room for each channel; socket_io.cjs says what is set.
// An event's offset is its number in the channel: all are published through one instance. On SIGTERM it closes, and the sessions are in Redis
// before it ends.
const { createServer } = require("node:http")
const { Server } = require("socket.io")
const { createAdapter } = require("@socket.io/redis-streams-adapter")
const { createClient } = require("redis")
const { WebSocketServer } = require("ws")
const { asked, listen } = require("./events.cjs")

const start = async () => {
  const redis = createClient({ url: process.env.REDIS_URL })
  await redis.connect()
  const http = createServer()
  const io = new Server(http, {
    transports: ["websocket"], pingInterval: 300_000, serveClient: false, destroyUpgrade: false,
    adapter: createAdapter(redis), connectionStateRecovery: {},
  })
  io.on("connection", (socket) => { if (!socket.recovered) socket.join(socket.handshake.auth.channel) })
  io.engine.on("connection", (socket) => { socket.request = null })

  const published = {} // a channel
  const broadcast = (event) => {
    const offset = published[event.channel] = (published[event.channel] ?? 0) + 1
    io.to(event.channel).emit(event.event, { ...event, offset })
  }
  const control = new WebSocketServer({ noServer: true })
  http.on("upgrade", (request, socket, head) => {
    if (request.url === "/control") control.handleUpgrade(request, socket, head, (client) =>
      client.on("message", (frame) => asked(frame, broadcast)))
  })
  process.once("SIGTERM", async () => {
    io.close()
    await redis.close()
    process.exit()
  })
  listen(http)
}
start()

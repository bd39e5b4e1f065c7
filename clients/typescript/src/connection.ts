import { parse, type ClientFrame, type ServerFrame } from "./protocol.js"
import type { BroadcastSocket } from "./socket.js"
import { Timer } from "./timer.js"

const OPEN_TIMEOUT = 10_000
const PONG_TIMEOUT = 5_000
const REPLY_TIMEOUT = 5_000

export interface ConnectionEvents {
  opened(): void
  frame(frame: ServerFrame): void
  /** Another five seconds have passed, and the server has never replied to anything. */
  noReply(): void
  /** The socket is closed, or dead. Called once, after everything else. */
  closed(code: number, reason: string): void
}

/** One socket, from opening to close. */
export class Connection {
  readonly #socket: BroadcastSocket
  readonly #on: ConnectionEvents
  /** The connection waits for one thing at a time: the socket to open, a first reply, or a pong. */
  readonly #timeout = new Timer()
  #lastMessage = 0
  #sent = false
  #pinged = false
  open = false
  /** Whether the server replies to frames. One that does not is not pinged. */
  replies: boolean

  constructor(socket: BroadcastSocket, replies: boolean, on: ConnectionEvents) {
    this.#socket = socket
    this.#on = on
    this.replies = replies
    socket.onopen = () => this.#opened()
    socket.onmessage = ({ data }) => this.#received(data)
    socket.onclose = ({ code, reason }) => this.#closed(code, reason)
    socket.onerror = () => {} // a close follows
    this.#timeout.set(OPEN_TIMEOUT, () => this.#closed(1006, "the server did not answer"))
  }

  send(frame: ClientFrame): void {
    this.#sent = true
    this.#socket.send(JSON.stringify(frame))
  }

  /** Milliseconds since the last message from the server. */
  get silence(): number {
    return performance.now() - this.#lastMessage
  }

  /** Closes the connection if the server does not answer within five seconds. A browser itself notices only after minutes. */
  ping(): void {
    if (!this.open || !this.replies || this.#pinged) return
    this.#pinged = true
    this.#timeout.set(PONG_TIMEOUT, () => this.#closed(1006, "a ping was not answered"))
    this.send({ ping: 1 })
  }

  /** Closes the socket. No event follows. */
  close(): void {
    const socket = this.#socket
    socket.onopen = socket.onmessage = socket.onclose = null // onerror stays: some sockets throw an error without a handler
    this.open = false
    this.#timeout.clear()
    socket.close()
  }

  #opened(): void {
    this.open = true
    this.#lastMessage = performance.now()
    this.#timeout.clear()
    if (!this.replies) this.#awaitReply()
    this.#on.opened()
    if (!this.#sent && this.open) this.send({ ping: 1 }) // the answer shows that the server replies
  }

  #awaitReply(): void {
    this.#timeout.set(REPLY_TIMEOUT, () => {
      this.#awaitReply()
      this.#on.noReply()
    })
  }

  #received(data: unknown): void {
    const frame = parse(data)
    this.#lastMessage = performance.now()
    if (frame && ("id" in frame || "pong" in frame)) this.replies = true
    if (this.replies) this.#timeout.clear()
    this.#pinged = false
    if (frame) this.#on.frame(frame)
  }

  #closed(code: number, reason: string): void {
    this.close()
    this.#on.closed(code, reason)
  }
}

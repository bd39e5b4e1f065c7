import { read, type ClientFrame, type ServerFrame } from "./protocol.js"
import type { BroadcastSocket } from "./socket.js"
import { Timer } from "./timer.js"

const OPEN_WITHIN = 10_000
const PONG_WITHIN = 5_000
const MUTE_AFTER = 5_000

export interface ConnectionEvents {
  opened(): void
  frame(frame: ServerFrame): void
  /** Another five seconds have passed, and the server has answered nothing, nor ever before. */
  mute(): void
  /** The socket is closed, or as good as that. Called once, and nothing after it. */
  lost(code: number, reason: string): void
}

/** One socket, from its opening until it is closed or found dead. */
export class Connection {
  readonly #socket: BroadcastSocket
  readonly #on: ConnectionEvents
  /** The one thing waited for: the opening, a first answer, or a pong. */
  readonly #due = new Timer()
  #heard = 0
  #pinged = false
  open = false
  /** Whether the server is one that replies. One that does not is never pinged. */
  answers: boolean

  constructor(socket: BroadcastSocket, answers: boolean, on: ConnectionEvents) {
    this.#socket = socket
    this.#on = on
    this.answers = answers
    socket.onopen = () => this.#opened()
    socket.onmessage = ({ data }) => this.#received(data)
    socket.onclose = ({ code, reason }) => this.#lost(code, reason)
    socket.onerror = () => {} // a close follows
    this.#due.set(OPEN_WITHIN, () => this.#lost(1006, "the server did not answer"))
  }

  send(frame: ClientFrame): void {
    this.#socket.send(JSON.stringify(frame))
  }

  /** Milliseconds since it was last heard of. */
  get silence(): number {
    return performance.now() - this.#heard
  }

  /** Whoever does not answer within five seconds is gone: the browser itself would notice after minutes. */
  probe(): void {
    if (!this.open || !this.answers || this.#pinged) return
    this.#pinged = true
    this.#due.set(PONG_WITHIN, () => this.#lost(1006, "a ping was not answered"))
    this.send({ ping: 1 })
  }

  /** Closes it without a word to whoever opened it. */
  drop(): void {
    const socket = this.#socket
    socket.onopen = socket.onmessage = socket.onclose = null // onerror stays: some sockets throw what nobody handles
    this.open = false
    this.#due.clear()
    socket.close()
  }

  #opened(): void {
    this.open = true
    this.#heard = performance.now()
    this.#due.clear()
    if (!this.answers) this.#listen()
    this.#on.opened()
  }

  #listen(): void {
    this.#due.set(MUTE_AFTER, () => {
      this.#listen()
      this.#on.mute()
    })
  }

  #received(data: unknown): void {
    const frame = read(data)
    this.#heard = performance.now()
    if (frame && ("id" in frame || "pong" in frame)) this.answers = true
    if (this.answers) this.#due.clear()
    this.#pinged = false
    if (frame) this.#on.frame(frame)
  }

  #lost(code: number, reason: string): void {
    this.drop()
    this.#on.lost(code, reason)
  }
}

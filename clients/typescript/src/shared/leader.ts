import { RECONNECT_NOW } from "../backoff.js"
import { parse, type ClientFrame } from "../protocol.js"
import { RateLimiter } from "../rate-limiter.js"
import type { BroadcastSocket, SocketFactory } from "../socket.js"
import { Timer } from "../timer.js"
import type { FromLeader, Message, ToTabs } from "./messages.js"
import { Mux } from "./mux.js"

/** Holds the browser's one socket and serves all tabs, its own tab included. Ends together with the socket. */
export class Leader {
  readonly #name: string
  readonly #term: string
  readonly #port: BroadcastChannel
  readonly #socket: BroadcastSocket
  readonly #locks = new AbortController()
  readonly #tabs = new Set<string>()
  readonly #mux: Mux
  /** Frames to the server, held back while all tabs together are too fast. */
  readonly #outgoing: ClientFrame[] = []
  readonly #rateLimiter = new RateLimiter()
  readonly #pause = new Timer()
  #paused = false
  readonly #retry = new Timer()
  #retries: (() => void)[] = []
  #open = false
  #ended = false

  constructor(name: string, term: string, url: string, connect: SocketFactory) {
    this.#name = name
    this.#term = term
    this.#mux = new Mux({
      toServer: (frame) => this.#send(frame),
      toTabs: (frame, to) => this.#post({ text: JSON.stringify(frame) }, to),
      restart: () => this.end(),
      later: (delay, callback) => this.#later(delay, callback),
    })
    this.#socket = connect(url)
    this.#socket.onopen = () => this.#opened()
    this.#socket.onmessage = ({ data }) => this.#receiveFromServer(data)
    this.#socket.onclose = ({ code, reason }) => this.end([code, reason])
    this.#socket.onerror = () => {} // a close follows
    this.#port = new BroadcastChannel(name)
    this.#port.onmessage = ({ data }) => this.#receive(data)
    this.#port.postMessage({ lead: term } satisfies ToTabs)
  }

  /** Closes the socket, and the connection of every tab with this code and reason. */
  end(close = RECONNECT_NOW): void {
    if (this.#ended) return
    this.#ended = true
    this.#post({ close })
    this.#port.close()
    this.#locks.abort()
    this.#pause.clear()
    this.#retry.clear()
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket.close()
  }

  #post(message: FromLeader, to?: string[]): void {
    this.#port.postMessage({ term: this.#term, ...(to !== undefined && { to }), ...message } satisfies ToTabs)
  }

  // -- the server

  #opened(): void {
    this.#open = true
    this.#post({ open: true })
  }

  #receiveFromServer(data: unknown): void {
    const frame = parse(data)
    if (frame) this.#mux.fromServer(frame)
  }

  #send(frame: ClientFrame): void {
    this.#outgoing.push(frame)
    if (!this.#paused) this.#flush()
  }

  #flush(): void {
    this.#paused = false
    while (!this.#paused && this.#outgoing.length > 0) {
      this.#socket.send(JSON.stringify(this.#outgoing.shift()))
      const pause = this.#rateLimiter.spend(1)
      this.#paused = pause > 0
      if (this.#paused) this.#pause.set(pause, () => this.#flush())
    }
  }

  #later(delay: number, callback: () => void): void {
    this.#retries.push(callback)
    this.#retry.set(delay, () => {
      for (const retry of this.#retries.splice(0)) retry()
    })
  }

  // -- the tabs

  #receive(message: Message): void {
    if (!("from" in message)) return
    const { from } = message
    if ("hello" in message) this.#addTab(from)
    else if ("ping" in message) this.#post({ pong: true })
    else if ("bye" in message) this.#removeTab(from)
    else if (this.#open && this.#tabs.has(from)) this.#mux.fromTab(from, JSON.parse(message.text) as ClientFrame)
  }

  #addTab(tab: string): void {
    if (!this.#tabs.has(tab)) void this.#watch(tab)
    this.#tabs.add(tab)
    this.#post({ welcome: true }, [tab])
    if (this.#open) this.#post({ open: true }, [tab])
  }

  /** A tab holds a lock of its own while it exists. The browser releases it when the tab closes or crashes. */
  async #watch(tab: string): Promise<void> {
    const { signal } = this.#locks
    await navigator.locks.request(`${this.#name}/${tab}`, { signal }, () => this.#removeTab(tab)).catch(() => {})
  }

  #removeTab(tab: string): void {
    if (this.#tabs.delete(tab) && !this.#ended) this.#mux.removeTab(tab)
  }
}

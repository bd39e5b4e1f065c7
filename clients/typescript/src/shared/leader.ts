import { read, type ClientFrame } from "../protocol.js"
import type { BroadcastSocket, SocketFactory } from "../socket.js"
import type { Message, ToLeader, ToTabs } from "./messages.js"
import { Mux } from "./mux.js"

/** The reason that sends everybody back at once, each from its position. */
export const AT_ONCE: [code: number, reason: string] = [1012, "retry-after=0"]

/** Holds the one socket of a browser, and serves every tab, its own among them. Ends with its socket. */
export class Leader {
  readonly #name: string
  readonly #term: string
  readonly #port: BroadcastChannel
  readonly #socket: BroadcastSocket
  readonly #watching = new AbortController()
  readonly #tabs = new Set<string>()
  readonly #mux: Mux
  #open = false
  #ended = false

  constructor(name: string, term: string, url: string, dial: SocketFactory) {
    this.#name = name
    this.#term = term
    this.#mux = new Mux({
      server: (frame) => this.#socket.send(JSON.stringify(frame)),
      tab: (frame, to) => this.#post({ text: JSON.stringify(frame) }, to),
      broken: () => this.end(),
    })
    this.#socket = dial(url)
    this.#socket.onopen = () => this.#opened()
    this.#socket.onmessage = ({ data }) => this.#hear(data)
    this.#socket.onclose = ({ code, reason }) => this.end([code, reason])
    this.#socket.onerror = () => {} // a close follows
    this.#port = new BroadcastChannel(name)
    this.#port.onmessage = ({ data }) => this.#receive(data)
    this.#port.postMessage({ lead: term } satisfies ToTabs)
  }

  /** Every tab is told that its connection has ended so. */
  end(close = AT_ONCE): void {
    if (this.#ended) return
    this.#ended = true
    this.#post({ close })
    this.#port.close()
    this.#watching.abort()
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket.close()
  }

  #post(what: { welcome: true } | { open: true } | { text: string } | { close: [number, string] }, to?: string[]): void {
    this.#port.postMessage({ term: this.#term, ...(to !== undefined && { to }), ...what } satisfies ToTabs)
  }

  #opened(): void {
    this.#open = true
    this.#post({ open: true })
  }

  #hear(data: unknown): void {
    const frame = read(data)
    if (frame) this.#mux.hear(frame)
  }

  #receive(message: Message): void {
    if (!("from" in message)) return
    if ("hello" in message) this.#welcome(message.from)
    else if ("bye" in message) this.#forget(message.from)
    else this.#say(message)
  }

  #welcome(tab: string): void {
    if (!this.#tabs.has(tab)) void this.#watch(tab)
    this.#tabs.add(tab)
    this.#post({ welcome: true }, [tab])
    if (this.#open) this.#post({ open: true }, [tab])
  }

  /** A tab holds a lock as long as it lives, and cannot fail to let go of it. */
  async #watch(tab: string): Promise<void> {
    const { signal } = this.#watching
    await navigator.locks.request(`${this.#name}/${tab}`, { signal }, () => this.#forget(tab)).catch(() => {})
  }

  #forget(tab: string): void {
    if (this.#tabs.delete(tab) && !this.#ended) this.#mux.leave(tab)
  }

  #say({ from, text }: Extract<ToLeader, { text: string }>): void {
    if (this.#open && this.#tabs.has(from)) this.#mux.say(from, JSON.parse(text) as ClientFrame)
  }
}

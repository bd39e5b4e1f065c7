import type { BroadcastSocket, SocketFactory } from "../socket.js"
import { Timer } from "../timer.js"
import { Leader, RECONNECT_NOW } from "./leader.js"
import type { Message, ToLeader, ToTabs } from "./messages.js"

const LAST_MESSAGE = 50 // milliseconds that the last message of a leader may take to arrive

/** One tab's connection over the socket that all tabs share. A client uses it like a WebSocket. */
export class TabSocket implements BroadcastSocket {
  onopen: BroadcastSocket["onopen"] = null
  onmessage: BroadcastSocket["onmessage"] = null
  onclose: BroadcastSocket["onclose"] = null
  onerror: BroadcastSocket["onerror"] = null
  readonly #url: string
  readonly #name: string
  readonly #connect: SocketFactory
  readonly #id = Math.random().toString(36).slice(2)
  readonly #port: BroadcastChannel
  readonly #ending = new AbortController()
  /** The leader that has accepted this tab. */
  #term: string | undefined
  #open = false

  constructor(url: string, name: string, connect: SocketFactory) {
    this.#url = url
    this.#name = name
    this.#connect = connect
    this.#port = new BroadcastChannel(name)
    this.#port.onmessage = ({ data }) => this.#receive(data)
    void this.#lock(`${name}/${this.#id}`, () => this.#join())
    void this.#lock(name, () => this.#elected())
  }

  send(text: string): void {
    this.#post({ text })
  }

  close(): void {
    if (this.#ended) return
    this.#post({ bye: true })
    this.#ending.abort()
    this.#port.close()
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }

  /** Waits for the lock, and holds it until the callback's promise resolves or this connection ends. */
  #lock(name: string, callback: () => Promise<void>): Promise<void> {
    return navigator.locks.request(name, { signal: this.#ending.signal }, callback).catch(() => {}) // ended while waiting
  }

  #post(message: { hello: true } | { text: string } | { bye: true }): void {
    if (!this.#ended) this.#port.postMessage({ from: this.#id, ...message } satisfies ToLeader)
  }

  #end([code, reason]: [number, string]): void {
    const { onclose } = this
    this.close()
    onclose?.({ code, reason })
  }

  /** Resolves when this connection ends. */
  #untilEnded(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) resolve()
      else this.#ending.signal.addEventListener("abort", () => resolve())
    })
  }

  #join(): Promise<void> {
    this.#post({ hello: true })
    return this.#untilEnded()
  }

  /** This tab has the leader's lock: it leads, unless its own leader has just gone. */
  async #elected(): Promise<void> {
    if (this.#open) return this.#leaderLost()
    try {
      const leader = new Leader(this.#name, this.#id, this.#url, this.#connect)
      await this.#untilEnded()
      leader.end()
    } catch (error) {
      this.#end([1006, String(error)])
    }
  }

  async #leaderLost(): Promise<void> {
    const wait = new Timer()
    await Promise.race([new Promise<void>((resolve) => wait.set(LAST_MESSAGE, resolve)), this.#untilEnded()])
    wait.clear()
    if (this.#ended) return // the leader has said how the connection ended
    this.#port.postMessage({ gone: this.#term! } satisfies ToTabs)
    this.#end(RECONNECT_NOW)
  }

  #receive(message: Message): void {
    if ("lead" in message) this.#leaderStarted(message.lead)
    else if ("gone" in message && message.gone === this.#term) this.#end(RECONNECT_NOW)
    else if ("term" in message && message.to?.includes(this.#id) !== false) this.#receiveFromLeader(message)
  }

  #leaderStarted(term: string): void {
    if (this.#open && term !== this.#term) this.#end(RECONNECT_NOW)
    else this.#post({ hello: true })
  }

  #receiveFromLeader(message: Extract<ToTabs, { term: string }>): void {
    if ("welcome" in message && !this.#open) this.#term = message.term
    if (message.term !== this.#term) return
    if ("open" in message && !this.#open) {
      this.#open = true
      this.onopen?.({})
    } else if ("text" in message && this.#open) this.onmessage?.({ data: message.text })
    else if ("close" in message) this.#end(message.close)
  }
}

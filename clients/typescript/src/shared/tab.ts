import type { BroadcastSocket, SocketFactory } from "../socket.js"
import { Timer } from "../timer.js"
import { AT_ONCE, Leader } from "./leader.js"
import type { Message, ToLeader, ToTabs } from "./messages.js"

const GOODBYE = 50 // milliseconds that a leader's last words may be under way

/** A tab's own connection over the socket that all tabs share. To a client it is a WebSocket like any other. */
export class TabSocket implements BroadcastSocket {
  onopen: BroadcastSocket["onopen"] = null
  onmessage: BroadcastSocket["onmessage"] = null
  onclose: BroadcastSocket["onclose"] = null
  onerror: BroadcastSocket["onerror"] = null
  readonly #url: string
  readonly #name: string
  readonly #dial: SocketFactory
  readonly #id = Math.random().toString(36).slice(2)
  readonly #port: BroadcastChannel
  readonly #ending = new AbortController()
  /** The leader that has welcomed this tab. */
  #term: string | undefined
  #open = false

  constructor(url: string, name: string, dial: SocketFactory) {
    this.#url = url
    this.#name = name
    this.#dial = dial
    this.#port = new BroadcastChannel(name)
    this.#port.onmessage = ({ data }) => this.#receive(data)
    void this.#request(`${name}/${this.#id}`, () => this.#live())
    void this.#request(name, () => this.#elected())
  }

  send(text: string): void {
    this.#say({ text })
  }

  close(): void {
    if (this.#ending.signal.aborted) return
    this.#say({ bye: true })
    this.#ending.abort()
    this.#port.close()
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }

  /** Holds the lock, once it has it, until what is done with it is done, or this connection ends. */
  #request(lock: string, held: () => Promise<void>): Promise<void> {
    return navigator.locks.request(lock, { signal: this.#ending.signal }, held).catch(() => {}) // it ended before
  }

  #say(what: { hello: true } | { text: string } | { bye: true }): void {
    if (!this.#ended) this.#port.postMessage({ from: this.#id, ...what } satisfies ToLeader)
  }

  #end([code, reason]: [number, string]): void {
    const { onclose } = this
    this.close()
    onclose?.({ code, reason })
  }

  /** Resolves when it has ended. */
  #over(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) resolve()
      else this.#ending.signal.addEventListener("abort", () => resolve())
    })
  }

  #live(): Promise<void> {
    this.#say({ hello: true })
    return this.#over()
  }

  /** No other tab holds the lock: this one leads, unless it was led by one that is gone. */
  async #elected(): Promise<void> {
    if (this.#open) return this.#mourn()
    try {
      const leader = new Leader(this.#name, this.#id, this.#url, this.#dial)
      await this.#over()
      leader.end()
    } catch (error) {
      this.#end([1006, String(error)])
    }
  }

  async #mourn(): Promise<void> {
    const wait = new Timer()
    await Promise.race([new Promise<void>((resolve) => wait.set(GOODBYE, resolve)), this.#over()])
    wait.clear()
    if (this.#ended) return // the leader has said why
    this.#port.postMessage({ gone: this.#term! } satisfies ToTabs)
    this.#end(AT_ONCE)
  }

  #receive(message: Message): void {
    if ("lead" in message) this.#led(message.lead)
    else if ("gone" in message && message.gone === this.#term) this.#end(AT_ONCE)
    else if ("term" in message && message.to?.includes(this.#id) !== false) this.#hear(message)
  }

  #led(term: string): void {
    if (this.#open && term !== this.#term) this.#end(AT_ONCE)
    else this.#say({ hello: true })
  }

  #hear(message: Extract<ToTabs, { term: string }>): void {
    if ("welcome" in message && !this.#open) this.#term = message.term
    if (message.term !== this.#term) return
    if ("open" in message && !this.#open) {
      this.#open = true
      this.onopen?.({})
    } else if ("text" in message && this.#open) this.onmessage?.({ data: message.text })
    else if ("close" in message) this.#end(message.close)
  }
}

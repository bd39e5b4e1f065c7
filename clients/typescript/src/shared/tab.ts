import type { BroadcastSocket, SocketFactory } from "../socket.js"
import { Timer } from "../timer.js"
import { RECONNECT_NOW } from "../backoff.js"
import { Leader } from "./leader.js"
import type { FromLeader, FromTab, Message, ToLeader, ToTabs } from "./messages.js"

const LAST_MESSAGE = 50 // milliseconds that the last message of a leader may take to arrive
const PING_AFTER = 2_000 // milliseconds without a message of the leader, plus a random part: mostly, one tab pings for all
const PONG_TIMEOUT = 900
const GRACE = 100 // if this tab itself was blocked, messages that have arrived meanwhile are handled in this time

/** One tab's connection over the socket that all tabs share. A client uses it like a WebSocket. */
export class TabSocket implements BroadcastSocket {
  onopen: BroadcastSocket["onopen"] = null
  onmessage: BroadcastSocket["onmessage"] = null
  onclose: BroadcastSocket["onclose"] = null
  onerror: BroadcastSocket["onerror"] = null
  readonly #url: string
  readonly #name: string
  readonly #connect: SocketFactory
  readonly #onended: (reason: string) => void
  readonly #id = Math.random().toString(36).slice(2)
  readonly #port: BroadcastChannel
  readonly #ending = new AbortController()
  /** The next ping to the leader, or the end of its time to answer. */
  readonly #leaderTimer = new Timer()
  /** The leader that has accepted this tab. */
  #term: string | undefined
  #open = false

  constructor(url: string, name: string, connect: SocketFactory, ended: (reason: string) => void = () => {}) {
    this.#url = url
    this.#name = name
    this.#connect = connect
    this.#onended = ended
    this.#port = new BroadcastChannel(name)
    this.#port.onmessage = ({ data }) => this.#receive(data)
    globalThis.addEventListener?.("pagehide", this.#suspend)
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
    this.#leaderTimer.clear()
    globalThis.removeEventListener?.("pagehide", this.#suspend)
    this.#port.close()
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }

  /** Waits for the lock, and holds it until the callback's promise resolves. Another tab may steal the leader's lock. */
  #lock(name: string, callback: () => Promise<void>): Promise<void> {
    return navigator.locks.request(name, { signal: this.#ending.signal }, callback).catch(() => this.#end(RECONNECT_NOW))
  }

  #post(message: FromTab): void {
    if (!this.#ended) this.#port.postMessage({ from: this.#id, ...message } satisfies ToLeader)
  }

  #end([code, reason]: [number, string]): void {
    if (this.#ended) return
    this.close()
    this.#onended(reason)
    this.onclose?.({ code, reason })
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
    this.#watchLeader()
    return this.#untilEnded()
  }

  /** The page may enter the back-forward cache, where it could not serve others: it leaves, and reconnects when it is shown again. */
  readonly #suspend = (): void => {
    this.close()
    const [code, reason] = RECONNECT_NOW
    globalThis.addEventListener("pageshow", () => this.onclose?.({ code, reason }), { once: true })
  }

  // -- leading

  /** This tab has the leader's lock: it leads, unless its own leader has just gone. */
  async #elected(): Promise<void> {
    if (this.#open) return this.#leaderLost()
    this.#term = this.#id
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
    this.#dismissLeader() // unless it has said itself how the connection ended
  }

  /** Makes every tab of this leader, and this one, reconnect to another. */
  #dismissLeader(): void {
    if (this.#ended) return
    this.#port.postMessage({ gone: this.#term! } satisfies ToTabs)
    this.#end(RECONNECT_NOW)
  }

  // -- following

  #receive(message: Message): void {
    if ("lead" in message) this.#leaderStarted(message.lead)
    else if ("gone" in message && message.gone === this.#term) this.#end(RECONNECT_NOW)
    else if ("term" in message && message.to?.includes(this.#id) !== false) this.#receiveFromLeader(message)
  }

  #leaderStarted(term: string): void {
    if (this.#open && term !== this.#term) this.#end(RECONNECT_NOW)
    else this.#post({ hello: true })
  }

  #receiveFromLeader(message: FromLeader & { term: string }): void {
    if ("welcome" in message && !this.#open) this.#term = message.term
    if (message.term !== this.#term) return
    this.#watchLeader()
    if ("open" in message && !this.#open) {
      this.#open = true
      this.onopen?.({})
    } else if ("text" in message && this.#open) this.onmessage?.({ data: message.text })
    else if ("close" in message) this.#end(message.close)
  }

  /** A leader that is blocked, by a dialog for instance, keeps its lock. Tabs ping it, and take the lock if it does not answer. */
  #watchLeader(): void {
    if (this.#term === this.#id) return this.#leaderTimer.clear()
    this.#leaderTimer.set(PING_AFTER * (1 + Math.random() / 2), () => {
      this.#post({ ping: true })
      this.#leaderTimer.set(PONG_TIMEOUT, () => this.#leaderTimer.set(GRACE, () => void this.#replaceLeader()))
    })
  }

  /** One tab at a time steals the leader's lock. The lock then goes to the tab that requests it next. */
  async #replaceLeader(): Promise<void> {
    const { locks } = navigator
    this.#watchLeader()
    await locks.request(`${this.#name}/replace`, { ifAvailable: true }, async (lock) => {
      if (!lock || this.#ended) return
      await locks.request(this.#name, { steal: true }, async () => this.#dismissLeader())
    })
  }
}

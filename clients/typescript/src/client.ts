import { backoff } from "./backoff.js"
import { BroadcastError } from "./errors.js"
import { Link, type BroadcastState, type Close } from "./link.js"
import { Listeners, type Unsubscribe } from "./listeners.js"
import { Pace } from "./pace.js"
import type { BroadcastEvent, ServerFrame } from "./protocol.js"
import { webSocket, type SocketFactory } from "./socket.js"
import { Subscriptions } from "./subscriptions.js"
import { Tabs } from "./tabs.js"
import { Timer } from "./timer.js"
import { Tokens, type TokenSource } from "./tokens.js"

export interface BroadcastOptions {
  /** Proves who is there: sent as the first frame of a connection, and renewed before it runs out. */
  token?: TokenSource
  /** Names this client's own doings; random by default. Send it with a mutation, so that the server can publish under it. */
  origin?: string
  /** How many channels the server lets a connection hold; those beyond wait for room. 128 by default. */
  maxChannels?: number
  /** Milliseconds of silence before a ping asks whether the server is still there; 30,000 by default. */
  pingAfter?: number
  /** Opens sockets; the browser's WebSocket by default. */
  socket?: SocketFactory
}

/** One connection to a broadcast endpoint, kept up until `disconnect()`.
 *
 * Each handler gets the events of its channel in order, each once, however often the connection breaks; where that cannot
 * be had, `onReset` says so.
 */
export class BroadcastClient {
  readonly url: string
  /** Events that carry it are this client's own doing. */
  readonly origin: string
  readonly #link: Link
  readonly #subscriptions: Subscriptions
  readonly #tabs: Tabs
  readonly #states = new Listeners<[state: BroadcastState]>()
  readonly #joins = new Listeners<[channel: string]>()
  readonly #resets = new Listeners<[channel: string]>()
  readonly #errors = new Listeners<[error: BroadcastError]>()
  readonly #pace = new Pace()
  readonly #paused = new Timer()
  readonly #retry = new Timer()
  #flushing = false

  constructor(url: string, options: BroadcastOptions = {}) {
    const { token, origin = randomId(), maxChannels = 128, pingAfter = 30_000, socket = webSocket } = options
    this.url = url
    this.origin = origin
    this.#subscriptions = new Subscriptions(
      {
        changed: () => this.#flushSoon(),
        retry: (failures) => this.#retry.set(backoff(failures), () => this.#flushSoon()),
        joined: (channel) => this.#joins.call(channel),
        reset: (channel) => this.#resets.call(channel),
        failed: (error) => this.#failed(error),
      },
      maxChannels,
    )
    this.#link = new Link(url, socket, new Tokens(token), pingAfter, {
      state: (state) => this.#entered(state),
      opened: () => this.#opened(),
      closed: () => this.#closed(),
      mute: () => this.#subscriptions.settle(),
      frame: (frame: ServerFrame) => this.#subscriptions.receive(frame),
    })
    this.#tabs = new Tabs(`pattern-stack:${url}`, (event) => this.#subscriptions.local(event))
  }

  get state(): BroadcastState {
    return this.#link.state
  }

  /** How the last connection ended; null while none has since `connect()`. */
  get lastClose(): Close | null {
    return this.#link.lastClose
  }

  /** Harmless where it is connected already. Positions are kept, so a later one goes on where an earlier one ended. */
  connect(): void {
    this.#tabs.open()
    this.#link.start()
  }

  /** Final: no timer, listener or socket is left, until `connect()` is called again. Subscriptions stay. */
  disconnect(): void {
    this.#link.stop()
  }

  onStateChange(handler: (state: BroadcastState) => void): Unsubscribe {
    return this.#states.add(handler)
  }

  /** Called with a channel that the server has acknowledged for the first time: what is read from now on, later events follow. */
  onJoin(handler: (channel: string) => void): Unsubscribe {
    return this.#joins.add(handler)
  }

  /** Whether the server has acknowledged the channel, and somebody has been subscribed ever since. */
  isJoined(channel: string): boolean {
    return this.#subscriptions.isJoined(channel)
  }

  /** Called with a channel whose events may have been missed: what was made of them has to be fetched anew. */
  onReset(handler: (channel: string) => void): Unsubscribe {
    return this.#resets.add(handler)
  }

  /** Called with what the server refuses, and with a channel that has ended. While nobody listens, the console is told. */
  onError(handler: (error: BroadcastError) => void): Unsubscribe {
    return this.#errors.add(handler)
  }

  /** May be called at any time, before `connect()` too. Throws a BroadcastError where it is no channel's name. */
  subscribe<Payload = Record<string, any>>(channel: string, handler: (event: BroadcastEvent<Payload>) => void): Unsubscribe {
    return this.#subscriptions.add(channel, handler as (event: BroadcastEvent) => void)
  }

  /** Resolves once the server has acknowledged the channel: every later event comes. Rejects with a BroadcastError where it
   * refuses, or the connection is given up. With a server that never replies it resolves at the first event, or within 5 s. */
  ready(channel: string): Promise<void> {
    const close = this.lastClose
    if (close?.final) return Promise.reject(disconnected(close))
    return this.#subscriptions.ready(channel)
  }

  /** Asks for a new `snapshot` event of a channel that has one. */
  refresh(channel: string): void {
    this.#link.send({ refresh: [channel] })
  }

  /** Hands an event to the subscribers in other tabs of this browser, at once; never to those of this one. Does nothing
   * while disconnected. */
  emit(channel: string, event: string, payload: Record<string, any>): void {
    this.#tabs.send({ channel, event, payload, timestamp: new Date().toISOString(), origin: this.origin })
  }

  #entered(state: BroadcastState): void {
    if (state === "disconnected") {
      this.#tabs.close()
      this.#subscriptions.reject(disconnected(this.lastClose))
    }
    this.#states.call(state)
  }

  #opened(): void {
    this.#subscriptions.opened()
    this.#flush()
  }

  #closed(): void {
    this.#paused.clear()
    this.#retry.clear()
    this.#flushing = false
    this.#subscriptions.closed()
  }

  /** What changes in one turn goes out together. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const frames = this.#subscriptions.frames()
    for (const frame of frames) this.#link.send(frame)
    const pause = frames.length > 0 ? this.#pace.spend(frames.length) : 0
    this.#flushing = pause > 0
    if (pause > 0) this.#paused.set(pause, () => this.#flush())
  }

  #failed(error: BroadcastError): void {
    if (this.#errors.size > 0) this.#errors.call(error)
    else console.warn(`[broadcast] ${error.channel ?? ""} ${error.code}: ${error.message}`)
  }
}

function disconnected(close: Close | null): BroadcastError {
  return new BroadcastError("disconnected", close ? `${close.code} ${close.reason}` : "disconnect() was called")
}

/** Not `crypto.randomUUID`: pages that came over plain HTTP have none. */
function randomId(): string {
  return Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join("")
}

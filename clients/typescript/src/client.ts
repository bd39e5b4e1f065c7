import { backoff } from "./backoff.js"
import { BroadcastError } from "./errors.js"
import { Link, type BroadcastState, type Close } from "./link.js"
import { Listeners, type Unsubscribe } from "./listeners.js"
import type { BroadcastEvent, ServerFrame } from "./protocol.js"
import { RateLimiter } from "./rate-limiter.js"
import { webSocket, type SocketFactory } from "./socket.js"
import { Subscriptions } from "./subscriptions.js"
import { Tabs } from "./tabs.js"
import { Timer } from "./timer.js"
import { Tokens, type TokenSource } from "./tokens.js"

export interface BroadcastOptions {
  /** Authenticates the client: sent as the first frame of each connection, and renewed before it expires. */
  token?: TokenSource
  /** Identifies this client as the cause of events; random by default. Send it along with a mutation, so that the server can
   * publish the event under it. */
  origin?: string
  /** How many channels the server lets one connection hold. Further channels wait for room. 128 by default. */
  maxChannels?: number
  /** Milliseconds without a message before the client pings the server. 30,000 by default. */
  pingAfter?: number
  /** Opens sockets. The browser's WebSocket by default. */
  socket?: SocketFactory
}

/** A connection to a broadcast endpoint, kept open until `disconnect()`.
 *
 * Each handler gets the events of its channel in order and once each, however often the connection breaks. If events may have
 * been missed, `onReset` reports it.
 */
export class BroadcastClient {
  readonly url: string
  /** Events that this client caused carry it. */
  readonly origin: string
  readonly #link: Link
  readonly #subscriptions: Subscriptions
  readonly #tabs: Tabs
  readonly #states = new Listeners<[state: BroadcastState]>()
  readonly #joins = new Listeners<[channel: string]>()
  readonly #resets = new Listeners<[channel: string]>()
  readonly #errors = new Listeners<[error: BroadcastError]>()
  readonly #rateLimiter = new RateLimiter()
  readonly #pause = new Timer()
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
      state: (state) => this.#stateChanged(state),
      opened: () => this.#opened(),
      closed: () => this.#closed(),
      noReply: () => this.#subscriptions.assumeJoined(),
      frame: (frame: ServerFrame) => this.#subscriptions.receive(frame),
    })
    this.#tabs = new Tabs(`pattern-stack:${url}`, (event) => this.#subscriptions.deliverLocal(event))
  }

  get state(): BroadcastState {
    return this.#link.state
  }

  /** How the last connection since `connect()` ended; null if none has. */
  get lastClose(): Close | null {
    return this.#link.lastClose
  }

  /** Does nothing if the client is connected already. Positions are kept: after `disconnect()`, events that were missed are
   * recovered. */
  connect(): void {
    this.#tabs.open()
    this.#link.start()
  }

  /** Closes the connection for good: no timer, listener or socket is left until `connect()`. Subscriptions stay. */
  disconnect(): void {
    this.#link.stop()
  }

  onStateChange(handler: (state: BroadcastState) => void): Unsubscribe {
    return this.#states.add(handler)
  }

  /** Calls the handler when the server acknowledges a channel for the first time. Every change that is not in data read from
   * then on comes as an event. */
  onJoin(handler: (channel: string) => void): Unsubscribe {
    return this.#joins.add(handler)
  }

  /** Whether the server has acknowledged the channel, and it has had a handler ever since. */
  isJoined(channel: string): boolean {
    return this.#subscriptions.isJoined(channel)
  }

  /** Calls the handler when events of a channel may have been missed. Fetch the data that depends on them again. */
  onReset(handler: (channel: string) => void): Unsubscribe {
    return this.#resets.add(handler)
  }

  /** Calls the handler when the server refuses something or ends a channel. Without a handler these go to the console. */
  onError(handler: (error: BroadcastError) => void): Unsubscribe {
    return this.#errors.add(handler)
  }

  /** Calls the handler with each event of the channel. May be called at any time, also before `connect()`. Throws a
   * BroadcastError if the channel name is invalid. */
  subscribe<Payload = Record<string, any>>(channel: string, handler: (event: BroadcastEvent<Payload>) => void): Unsubscribe {
    return this.#subscriptions.add(channel, handler as (event: BroadcastEvent) => void)
  }

  /** Resolves once the server has acknowledged the channel: every event published after that is delivered. Rejects with a
   * BroadcastError if the server refuses the channel, or the client disconnects. With a server that never replies it resolves
   * at the first event, or within 5 s. */
  ready(channel: string): Promise<void> {
    const close = this.lastClose
    if (close?.final) return Promise.reject(disconnected(close))
    return this.#subscriptions.ready(channel)
  }

  /** Asks the server for a new `snapshot` event of a channel that has snapshots. */
  refresh(channel: string): void {
    this.#link.send({ refresh: [channel] })
  }

  /** Delivers an event to the subscribers in the other tabs of this browser, and not to those in this tab. The server is not
   * involved. Does nothing while disconnected. */
  emit(channel: string, event: string, payload: Record<string, any>): void {
    this.#tabs.send({ channel, event, payload, timestamp: new Date().toISOString(), origin: this.origin })
  }

  #stateChanged(state: BroadcastState): void {
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
    this.#pause.clear()
    this.#retry.clear()
    this.#flushing = false
    this.#subscriptions.closed()
  }

  /** Changes of one turn of the event loop are sent together. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const frames = this.#subscriptions.frames()
    for (const frame of frames) this.#link.send(frame)
    const pause = frames.length > 0 ? this.#rateLimiter.spend(frames.length) : 0
    this.#flushing = pause > 0
    if (pause > 0) this.#pause.set(pause, () => this.#flush())
  }

  #failed(error: BroadcastError): void {
    if (this.#errors.size > 0) this.#errors.call(error)
    else console.warn(`[broadcast] ${error.channel ?? ""} ${error.code}: ${error.message}`)
  }
}

function disconnected(close: Close | null): BroadcastError {
  return new BroadcastError("disconnected", close ? `${close.code} ${close.reason}` : "disconnect() was called")
}

/** `crypto.randomUUID` is missing on pages served over plain HTTP. */
function randomId(): string {
  return Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join("")
}

import { backoff } from "./backoff.js"
import { BroadcastError } from "./errors.js"
import { Link, type BroadcastState, type Close, type Reconnect, type Transport } from "./link.js"
import { Listeners, type Unsubscribe } from "./listeners.js"
import { checkNames, checkNumber } from "./options.js"
import type { BroadcastEvent, ServerFrame } from "./protocol.js"
import type { Member, Upstream } from "@pattern-stack/broadcast/upstream"
import { RateLimiter } from "./rate-limiter.js"
import { webSocket, type SocketFactory } from "./socket.js"
import { checkChannel, Subscriptions } from "./subscriptions.js"
import { Tabs } from "./tabs.js"
import { Timer } from "./timer.js"
import { Tokens, type TokenSource } from "./tokens.js"
import type { ChannelName, Emit, Registered, Send, Subscribe } from "./typed.js"

export interface BroadcastOptions {
  /** Authenticates the client: sent as the first frame of each connection, and renewed before it expires. */
  token?: TokenSource
  /** Identifies this client as the cause of events. Send it along with a mutation, so that the server can publish the event under
   * it. @default a random string */
  origin?: string
  /** How many channels the server lets one connection hold. Further channels wait for room. @default 128 */
  maxChannels?: number
  /** Milliseconds without a message before the client pings the server. @default 30000 */
  pingAfter?: number
  /** When the client reconnects, and when it gives up. */
  reconnect?: Reconnect
  /** Opens sockets. @default the browser's WebSocket */
  socket?: SocketFactory
  /** What may carry frames. With both, HTTP is used while WebSockets cannot be opened. @default ["websocket", "sse"], and
   * ["websocket"] with a `socket` of the application's own that is not `sharedSocket()` */
  transports?: readonly Transport[]
}

/** Who is on a channel. `members` is empty while nobody listens. */
export interface Presence {
  readonly members: readonly Member[]
  /** Calls the handler with the members once they are known, and whenever they change. Returns a function that ends it. */
  onChange(handler: (members: readonly Member[]) => void): Unsubscribe
}

const OPTIONS = ["token", "origin", "maxChannels", "pingAfter", "reconnect", "socket", "transports"] satisfies (keyof BroadcastOptions)[]

/** A connection to a broadcast endpoint, kept open until `disconnect()`.
 *
 * Each handler gets the events of its channel in order and once each, however often the connection breaks. If events may have
 * been missed, `onReset` reports it. Methods are bound to the client: `const { subscribe } = client` works.
 *
 * `Channels`, written by `pattern-stack types`, has the compiler check names, events and commands: `new BroadcastClient<Channels>(url)`.
 */
export class BroadcastClient<Channels = Registered> {
  readonly url: string
  /** Events that this client caused carry it. */
  readonly origin: string
  readonly #link: Link
  readonly #subscriptions: Subscriptions
  readonly #tabs: Tabs
  readonly #states = new Listeners<[state: BroadcastState]>()
  readonly #joins = new Listeners<[channel: string, quiet?: number]>()
  readonly #resets = new Listeners<[channel: string]>()
  readonly #errors = new Listeners<[error: BroadcastError]>()
  readonly #rateLimiter = new RateLimiter()
  readonly #pause = new Timer()
  readonly #retry = new Timer()
  #flushing = false
  /** Why the client does not connect any more. */
  #ended: BroadcastError | undefined
  /** Loaded when it is first needed. */
  #upstream: Upstream | undefined
  #loading: Promise<Upstream> | undefined

  /** Throws a TypeError for an option with a wrong value, and in development for one that does not exist. */
  constructor(url: string, options: BroadcastOptions = {}) {
    if (typeof url !== "string" || !url) throw new TypeError(`BroadcastClient needs a URL, not ${url}`)
    checkNames("BroadcastClient", options, OPTIONS)
    const { token, origin = randomId(), maxChannels = 128, pingAfter = 30_000, socket = webSocket } = options
    checkNumber("maxChannels", maxChannels, 1)
    checkNumber("pingAfter", pingAfter, 1)
    this.url = url
    this.origin = origin
    this.#subscriptions = new Subscriptions(
      {
        changed: () => this.#flushSoon(),
        retry: (failures, delay) => this.#retryAfter(failures, delay),
        asksQuiet: () => this.#joins.size > 0,
        joined: (channel, quiet) => this.#joins.call(channel, quiet),
        reset: (channel) => this.#resets.call(channel),
        failed: (error) => this.#failed(error),
      },
      maxChannels,
    )
    this.#link = new Link(url, { socket, mostUnopened: mostUnopened(options), tokens: new Tokens(token), pingAfter, reconnect: reconnectOf(options) }, {
      state: (state) => this.#stateChanged(state),
      opened: () => this.#opened(),
      closed: () => this.#closed(),
      noReply: () => this.#subscriptions.assumeJoined(),
      frame: (frame) => this.#received(frame),
    })
    this.#tabs = new Tabs(`pattern-stack:${url}`, (event) => this.#subscriptions.deliverLocal(event))
  }

  /** The class name, which minification changes. Consoles show it. */
  get [Symbol.toStringTag](): string {
    return "BroadcastClient"
  }

  get state(): BroadcastState {
    return this.#link.state
  }

  /** What carries the frames of the open connection; null while there is none. */
  get transport(): Transport | null {
    return this.state === "connected" ? this.#link.transport : null
  }

  /** How the last connection since `connect()` ended; null if none has. */
  get lastClose(): Close | null {
    return this.#link.lastClose
  }

  /** Does nothing if the client is connected already. Positions are kept: after `disconnect()`, events that were missed are
   * recovered. */
  readonly connect = (): void => {
    this.#ended = undefined
    this.#tabs.open()
    this.#link.start()
  }

  /** Closes the connection for good: no timer, listener or socket is left until `connect()`. Subscriptions stay. */
  readonly disconnect = (): void => this.#link.stop()

  readonly onStateChange = (handler: (state: BroadcastState) => void): Unsubscribe => this.#states.add(handler)

  /** Calls the handler when the server acknowledges a channel for the first time. Every change that is not in data read from
   * then on comes as an event. `quiet`: for so many seconds before, the channel has had no event; absent if the server does not
   * know, and with `sharedSocket()`. */
  readonly onJoin = (handler: (channel: string, quiet?: number) => void): Unsubscribe => this.#joins.add(handler)

  /** Whether the server has acknowledged the channel, and it has had a handler ever since. */
  readonly isJoined = (channel: ChannelName<Channels>): boolean => this.#subscriptions.isJoined(channel)

  /** Calls the handler when events of a channel may have been missed. Fetch the data that depends on them again. */
  readonly onReset = (handler: (channel: string) => void): Unsubscribe => this.#resets.add(handler)

  /** Calls the handler when the server refuses something or ends a channel. Without a handler these go to the console. */
  readonly onError = (handler: (error: BroadcastError) => void): Unsubscribe => this.#errors.add(handler)

  /** Calls the handler with each event of the channel. May be called at any time, also before `connect()`. Throws a
   * BroadcastError if the channel name is invalid; in development also if a part of it is missing, as in `items:undefined`. */
  readonly subscribe = ((channel: string, handler: (event: BroadcastEvent) => void): Unsubscribe =>
    this.#subscriptions.add(channel, handler)) as Subscribe<Channels>

  /** Resolves once the server has acknowledged the channel: every event published after that is delivered. Rejects with a
   * BroadcastError if the server refuses the channel, or the client disconnects. With a server that never replies it resolves
   * at the first event, or within 5 s. */
  readonly ready = (channel: ChannelName<Channels>): Promise<void> => {
    const close = this.lastClose
    if (close?.final) return Promise.reject(disconnected(close))
    return this.#subscriptions.ready(channel)
  }

  /** Asks the server for a new `snapshot` event of a channel that has snapshots; while not connected, after reconnecting. */
  readonly refresh = (channel: ChannelName<Channels>): void => this.#subscriptions.refresh(channel)

  /** Delivers an event to the subscribers in the other tabs of this browser, and not to those in this tab. The server is not
   * involved. Does nothing while disconnected. Throws a BroadcastError if an argument is missing or invalid. */
  readonly emit = ((channel: string, event: string, payload: Record<string, any>): void => {
    checkChannel(channel)
    if (typeof event !== "string" || !event || typeof payload !== "object" || payload === null || Array.isArray(payload)) {
      throw new BroadcastError("invalid_event", "emit(channel, event, payload) needs a name and an object; other tabs get it", channel)
    }
    this.#tabs.send({ channel, event, payload, timestamp: new Date().toISOString(), origin: this.origin })
  }) as Emit<Channels>

  /** Sends a command to the application, and resolves with its result. The channel must have a handler. Commands of a channel are
   * carried out in the order of the calls; while not connected they wait, and they are sent again until they are answered. The `key`,
   * 1 to 64 characters, makes that safe: within 5 minutes the application carries a command with the same key out once. A random
   * one is made if there is none.
   *
   * Rejects with a BroadcastError: its `code` is the application's own, one of the protocol's (`invalid_payload`, `unknown_event`,
   * `not_subscribed`, `forbidden`, `unknown_outcome`), or `disconnected` after `disconnect()`. */
  readonly send = (async (channel: string, event: string, payload: object = {}, options?: { key?: string }): Promise<unknown> => {
    const frame = JSON.stringify({ send: channel, event, payload, ...options }) // what the caller changes later is not sent
    return (await this.#load()).send(frame)
  }) as Send<Channels>

  /** Shows an object, of at most 4 KiB as JSON, to the others on a channel with presence; null shows nothing. The newest one counts: what
   * changes faster than the server answers is sent once. It is shown again after a reconnect, and gone when the last handler of the
   * channel is removed. */
  readonly setState = (channel: ChannelName<Channels>, state: object | null): void => {
    const text = JSON.stringify(state)
    void this.#load().then((upstream) => upstream.setState(channel, text))
  }

  /** Who is on a channel with presence. It is followed, and subscribed, for as long as `onChange` has a handler. */
  readonly presence = (channel: ChannelName<Channels>): Presence => {
    const members = (): readonly Member[] => this.#upstream?.members(channel) ?? []
    return {
      get members() {
        return members()
      },
      onChange: (handler) => {
        const watching = this.#load().then((upstream) => upstream.watch(channel, handler))
        return () => void watching.then((end) => end())
      },
    }
  }

  #load(): Promise<Upstream> {
    return (this.#loading ??= import("@pattern-stack/broadcast/upstream").then(({ Upstream }) => {
      return (this.#upstream = new Upstream(this.#subscriptions, () => this.#ended, BroadcastError))
    }))
  }

  #received(frame: ServerFrame): void {
    if (!this.#upstream?.receive(frame)) this.#subscriptions.receive(frame)
  }

  #stateChanged(state: BroadcastState): void {
    if (state === "disconnected") {
      this.#tabs.close()
      this.#subscriptions.reject((this.#ended = disconnected(this.lastClose)))
      this.#flushSoon() // commands are rejected
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
    this.#upstream?.closed()
  }

  /** Changes of one turn of the event loop are sent together. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const frames = this.#subscriptions.frames().concat(this.#upstream?.frames() ?? [])
    for (const frame of frames) this.#link.send(frame)
    this.#pauseFor(frames.length > 0 ? this.#rateLimiter.spend(frames.length) : 0)
  }

  /** Sends no frames of subscriptions for so many milliseconds. */
  #pauseFor(delay: number): void {
    this.#flushing = delay > 0
    if (delay > 0) this.#pause.set(delay, () => this.#flush())
  }

  #retryAfter(failures: number, delay: number | undefined): void {
    if (delay === undefined) this.#retry.set(backoff(failures), () => this.#flushSoon())
    else this.#pauseFor(delay)
  }

  #failed(error: BroadcastError): void {
    if (this.#errors.size > 0) this.#errors.call(error)
    else console.warn(`[broadcast] ${error.channel ?? ""} ${error.code}: ${error.message}`)
  }
}

function mostUnopened({ socket, transports = socket && !socket.share ? ["websocket"] : ["websocket", "sse"] }: BroadcastOptions): number {
  if (!transports.includes("sse")) return Infinity
  return transports.includes("websocket") ? 1 : -1
}

function reconnectOf({ reconnect = {} }: BroadcastOptions): Required<Reconnect> {
  const { first = 1_000, most = 30_000, tries = Infinity } = reconnect
  checkNames("reconnect", reconnect, Object.keys({ first, most, tries }))
  checkNumber("reconnect.first", first, 1)
  checkNumber("reconnect.most", most, 1)
  checkNumber("reconnect.tries", tries, 0)
  return { first, most, tries }
}

function disconnected(close: Close | null): BroadcastError {
  return new BroadcastError("disconnected", close ? `${close.code} ${close.reason}` : "disconnect() was called")
}

/** `crypto.randomUUID` is missing on pages served over plain HTTP. */
function randomId(): string {
  return Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join("")
}

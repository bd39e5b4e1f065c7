/** Keeps a connection open: opens it, authenticates, and reconnects after it was lost. */

import type { Lanes } from "@pattern-stack/broadcast/sse"
import { backoff, retryAfter } from "./backoff.js"
import { Connection } from "./connection.js"
import { isTemporary } from "./errors.js"
import { AUTH_ID, FINAL_CODES, TRY_AGAIN_LATER, UNAUTHENTICATED, type ClientFrame, type Refusal, type ServerFrame } from "./protocol.js"
import type { SocketFactory } from "./socket.js"
import { Timer } from "./timer.js"
import type { Tokens } from "./tokens.js"
import { watchWakeups } from "./wakeup.js"

const TOKEN_TIMEOUT = 10_000
const NO_TOKEN = "the token function did not answer within 10 s"

export type BroadcastState = "disconnected" | "connecting" | "connected" | "reconnecting"

/** How a connection ended. If `final`, the client does not reconnect by itself. */
export interface Close {
  code: number
  reason: string
  final: boolean
}

export interface Reconnect {
  /** Milliseconds before the first attempt, minus a random part of up to half. @default 1000 */
  first?: number
  /** The delay doubles with each failed attempt, up to this many milliseconds. @default 30000 */
  most?: number
  /** The client gives up after this many failed attempts in a row: it disconnects. 0: it never reconnects. @default Infinity */
  tries?: number
}

/** How frames travel: over a WebSocket, or over HTTP as Server-Sent Events and POSTs. */
export type Transport = "websocket" | "sse"

export interface LinkOptions {
  socket: SocketFactory
  /** How many WebSockets in a row may fail to open before HTTP is used: Infinity never uses it, -1 always. */
  mostUnopened: number
  tokens: Tokens
  pingAfter: number
  reconnect: Required<Reconnect>
}

export interface LinkEvents {
  state(state: BroadcastState): void
  opened(): void
  closed(): void
  noReply(): void
  frame(frame: ServerFrame): void
}

export class Link {
  readonly #url: string
  readonly #options: LinkOptions
  readonly #on: LinkEvents
  /** The next attempt, or the end of the token function's time. */
  readonly #retry = new Timer()
  readonly #renewal = new Timer()
  #unwatch = (): void => {}
  #connection: Connection | undefined
  /** Counts attempts: a token that arrives for an earlier one is dropped. */
  #attempt = 0
  #failures = 0
  #serverReplies = false
  #authenticated = false
  /** Whether a wakeup may cut the delay before the next attempt short. It may not if the server named the delay. */
  #canHurry = false
  readonly #lanes: Lanes = { unopened: 0 }
  transport: Transport = "websocket"
  state: BroadcastState = "disconnected"
  lastClose: Close | null = null

  constructor(url: string, options: LinkOptions, on: LinkEvents) {
    this.#url = url
    this.#options = options
    this.#on = on
  }

  start(): void {
    if (this.state !== "disconnected") return
    this.#failures = 0
    this.lastClose = null
    this.#unwatch = watchWakeups(() => this.#tick(), () => this.#wakeup())
    void this.#open()
    this.#setState("connecting")
  }

  /** Ends everything that `start` began: no timer, listener or socket is left. */
  stop(): void {
    if (this.state === "disconnected") return
    this.#unwatch()
    this.#close()
    this.#setState("disconnected")
  }

  /** Does nothing while there is no connection. */
  send(frame: ClientFrame): void {
    if (this.#connection?.open) this.#connection.send(frame)
  }

  #setState(state: BroadcastState): void {
    if (this.state === state) return
    this.state = state
    this.#on.state(state)
  }

  // -- opening

  async #open(): Promise<void> {
    const attempt = ++this.#attempt
    this.#canHurry = false
    this.#retry.set(TOKEN_TIMEOUT, () => this.#lost(1006, NO_TOKEN))
    try {
      const token = await this.#options.tokens.get()
      const open = await this.#opener()
      if (attempt !== this.#attempt) return
      this.#retry.clear()
      if (token === null) this.#lost(UNAUTHENTICATED, "no token", true)
      else this.#connect(token, open)
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(1006, `the token function failed: ${error}`)
    }
  }

  async #opener(): Promise<SocketFactory> {
    this.transport = this.#lanes.unopened > this.#options.mostUnopened ? "sse" : "websocket"
    if (this.transport === "websocket") return this.#options.socket
    return (await import("@pattern-stack/broadcast/sse")).opener(this.#lanes, this.#options)
  }

  #connect(token: string | undefined, open: SocketFactory): void {
    try {
      this.#connection = new Connection(open(this.#url), this.#serverReplies, {
        opened: () => this.#opened(token),
        frame: (frame) => this.#received(frame),
        noReply: () => this.#noReply(),
        closed: (code, reason) => this.#lost(code, reason),
      })
    } catch (error) {
      this.#lost(1006, String(error), true) // the URL can never work
    }
  }

  #opened(token: string | undefined): void {
    this.#authenticated = false
    if (this.transport === "websocket") this.#lanes.unopened = 0
    if (token !== undefined) this.#authenticate(token)
    this.#setState("connected")
    this.#on.opened()
  }

  // -- authentication

  #authenticate(token: string): void {
    this.send({ auth: token, id: AUTH_ID })
    this.#scheduleRenewal()
  }

  #scheduleRenewal(): void {
    const delay = this.#options.tokens.renewIn
    if (delay === undefined) this.#renewal.clear()
    else this.#renewal.set(delay, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const { tokens } = this.#options
    const attempt = this.#attempt
    tokens.markStale()
    this.#renewal.set(TOKEN_TIMEOUT, () => this.#scheduleRenewal())
    try {
      const token = await tokens.get()
      if (attempt === this.#attempt && token) this.#authenticate(token)
    } catch {
      if (attempt === this.#attempt) this.#scheduleRenewal() // until the token expires, and the server closes
    }
  }

  #authRefused({ code, message, retry_after = 5 }: Refusal["error"]): void {
    if (this.#authenticated) {
      if (isTemporary(code)) this.#renewal.set(retry_after * 1_000, () => void this.#renew())
      return
    }
    this.#lost(isTemporary(code) ? TRY_AGAIN_LATER : UNAUTHENTICATED, message)
  }

  // -- open

  #received(frame: ServerFrame): void {
    this.#serverReplies = this.#connection!.replies
    if ("authenticated" in frame) this.#authenticated = true
    if (!("error" in frame)) this.#failures = 0
    else if (frame.id === AUTH_ID && !frame.error.channel) this.#authRefused(frame.error)
    if (this.#connection) this.#on.frame(frame)
  }

  #noReply(): void {
    this.#failures = 0
    this.#on.noReply()
  }

  #tick(): void {
    if (this.#connection && this.#connection.silence >= this.#options.pingAfter) this.#connection.ping()
  }

  #wakeup(): void {
    if (!this.#connection) this.#lanes.unopened = 0 // another network may let WebSockets pass
    if (this.#canHurry) void this.#open()
    else this.#connection?.ping()
  }

  // -- closing

  #close(): void {
    this.#attempt++
    this.#canHurry = false
    this.#retry.clear()
    this.#renewal.clear()
    this.#connection?.close()
    this.#connection = undefined
    this.#on.closed()
  }

  #lost(code: number, reason: string, final = this.#isFinal(code)): void {
    if (this.#connection && this.state !== "connected") this.#lanes.unopened++
    this.#close()
    this.lastClose = { code, reason, final }
    if (final) return this.stop()
    if (code === UNAUTHENTICATED) this.#options.tokens.markStale()
    const named = retryAfter(reason)
    this.#canHurry = named === undefined
    this.#retry.set(this.#delay(named), () => void this.#open())
    this.#setState("reconnecting")
  }

  #isFinal(code: number): boolean {
    if (this.#failures >= this.#options.reconnect.tries) return true
    return FINAL_CODES.includes(code) || (code === UNAUTHENTICATED && !this.#options.tokens.renewable)
  }

  /** A server that names a short delay again and again must not make the client reconnect without a pause. */
  #delay(named: number | undefined): number {
    const { first, most } = this.#options.reconnect
    const failures = this.#failures++
    if (named === undefined) return backoff(failures, first, most)
    return failures < 3 ? named : Math.max(named, backoff(failures - 3, first, most))
  }
}

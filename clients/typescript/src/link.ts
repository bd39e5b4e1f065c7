/** Keeps a connection open: opens it, authenticates, and reconnects after it was lost. */

import { backoff, retryAfter } from "./backoff.js"
import { Connection } from "./connection.js"
import { AUTH_ID, FINAL_CODES, UNAUTHENTICATED, type ClientFrame, type ServerFrame } from "./protocol.js"
import type { SocketFactory } from "./socket.js"
import { Timer } from "./timer.js"
import type { Tokens } from "./tokens.js"
import { watchWakeups } from "./wakeup.js"

export type BroadcastState = "disconnected" | "connecting" | "connected" | "reconnecting"

/** How a connection ended. If `final`, the client does not reconnect by itself. */
export interface Close {
  code: number
  reason: string
  final: boolean
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
  readonly #socket: SocketFactory
  readonly #tokens: Tokens
  readonly #pingAfter: number
  readonly #on: LinkEvents
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
  state: BroadcastState = "disconnected"
  lastClose: Close | null = null

  constructor(url: string, socket: SocketFactory, tokens: Tokens, pingAfter: number, on: LinkEvents) {
    this.#url = url
    this.#socket = socket
    this.#tokens = tokens
    this.#pingAfter = pingAfter
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
    this.#retry.clear()
    try {
      const token = await this.#tokens.get()
      if (attempt !== this.#attempt) return
      if (token === null) this.#lost(UNAUTHENTICATED, "no token", true)
      else this.#connect(token)
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(1006, `the token function failed: ${error}`)
    }
  }

  #connect(token: string | undefined): void {
    try {
      this.#connection = new Connection(this.#socket(this.#url), this.#serverReplies, {
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
    const delay = this.#tokens.renewIn
    if (delay !== undefined) this.#renewal.set(delay, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const attempt = this.#attempt
    this.#tokens.markStale()
    try {
      const token = await this.#tokens.get()
      if (attempt === this.#attempt && token) this.#authenticate(token)
    } catch {
      if (attempt === this.#attempt) this.#scheduleRenewal() // until the token expires, and the server closes
    }
  }

  // -- open

  #received(frame: ServerFrame): void {
    this.#serverReplies = this.#connection!.replies
    const refused = "error" in frame
    if (!refused) this.#failures = 0
    if ("authenticated" in frame) this.#authenticated = true
    if (refused && frame.id === AUTH_ID && !frame.error.channel && !this.#authenticated) {
      this.#connection!.close()
      this.#lost(UNAUTHENTICATED, frame.error.message)
    } else this.#on.frame(frame)
  }

  #noReply(): void {
    this.#failures = 0
    this.#on.noReply()
  }

  #tick(): void {
    if (this.#connection && this.#connection.silence >= this.#pingAfter) this.#connection.ping()
  }

  #wakeup(): void {
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

  #lost(code: number, reason: string, final = FINAL_CODES.has(code) || (code === UNAUTHENTICATED && !this.#tokens.renewable)): void {
    this.#close()
    this.lastClose = { code, reason, final }
    if (final) return this.stop()
    if (code === UNAUTHENTICATED) this.#tokens.markStale()
    const named = retryAfter(reason)
    this.#canHurry = named === undefined
    this.#retry.set(named ?? backoff(this.#failures++), () => void this.#open())
    this.#setState("reconnecting")
  }
}

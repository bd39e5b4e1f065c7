/** Keeps a connection up: opens it, proves who is there, and comes back when it was lost. */

import { backoff, retryAfter } from "./backoff.js"
import { Connection } from "./connection.js"
import { AUTH, STOP, UNAUTHENTICATED, type ClientFrame, type ServerFrame } from "./protocol.js"
import type { SocketFactory } from "./socket.js"
import { Timer } from "./timer.js"
import type { Tokens } from "./tokens.js"
import { watch } from "./waking.js"

export type BroadcastState = "disconnected" | "connecting" | "connected" | "reconnecting"

/** How a connection ended. `final`: the client does not come back by itself. */
export interface Close {
  code: number
  reason: string
  final: boolean
}

export interface LinkEvents {
  state(state: BroadcastState): void
  opened(): void
  closed(): void
  mute(): void
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
  /** Which try this is: a token that comes for an earlier one is not used. */
  #try = 0
  #failures = 0
  #answers = false
  #proven = false
  /** Whether what is waited for may be tried at once: not what the server has asked to wait. */
  #eager = false
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
    this.#unwatch = watch(() => this.#tick(), () => this.#wake())
    void this.#open()
    this.#enter("connecting")
  }

  /** Ends all that `start` began; no timer, listener or socket is left. */
  stop(): void {
    if (this.state === "disconnected") return
    this.#unwatch()
    this.#leave()
    this.#enter("disconnected")
  }

  /** Nothing is sent while there is no connection. */
  send(frame: ClientFrame): void {
    if (this.#connection?.open) this.#connection.send(frame)
  }

  #enter(state: BroadcastState): void {
    if (this.state === state) return
    this.state = state
    this.#on.state(state)
  }

  // -- coming

  async #open(): Promise<void> {
    const mine = ++this.#try
    this.#eager = false
    this.#retry.clear()
    try {
      const token = await this.#tokens.ask()
      if (mine !== this.#try) return
      if (token === null) this.#gone(UNAUTHENTICATED, "no token", true)
      else this.#dial(token)
    } catch (error) {
      if (mine === this.#try) this.#gone(1006, `no token could be had: ${error}`)
    }
  }

  #dial(token: string | undefined): void {
    try {
      this.#connection = new Connection(this.#socket(this.#url), this.#answers, {
        opened: () => this.#opened(token),
        frame: (frame) => this.#frame(frame),
        mute: () => this.#mute(),
        lost: (code, reason) => this.#gone(code, reason),
      })
    } catch (error) {
      this.#gone(1006, String(error), true) // an address that can never work
    }
  }

  #opened(token: string | undefined): void {
    this.#proven = false
    if (token !== undefined) this.#prove(token)
    this.#enter("connected")
    this.#on.opened()
  }

  // -- who is there

  #prove(token: string): void {
    this.send({ auth: token, id: AUTH })
    this.#renewLater()
  }

  #renewLater(): void {
    const left = this.#tokens.left
    if (left !== undefined) this.#renewal.set(left, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const mine = this.#try
    this.#tokens.spoil()
    try {
      const token = await this.#tokens.ask()
      if (mine === this.#try && token) this.#prove(token)
    } catch {
      if (mine === this.#try) this.#renewLater() // until it runs out, and the server says so
    }
  }

  // -- being there

  #frame(frame: ServerFrame): void {
    this.#answers = this.#connection!.answers
    const refused = "error" in frame
    if (!refused) this.#failures = 0
    if ("authenticated" in frame) this.#proven = true
    if (refused && frame.id === AUTH && !frame.error.channel && !this.#proven) {
      this.#connection!.drop()
      this.#gone(UNAUTHENTICATED, frame.error.message)
    } else this.#on.frame(frame)
  }

  #mute(): void {
    this.#failures = 0
    this.#on.mute()
  }

  #tick(): void {
    if (this.#connection && this.#connection.silence >= this.#pingAfter) this.#connection.probe()
  }

  #wake(): void {
    if (this.#eager) void this.#open()
    else this.#connection?.probe()
  }

  // -- going

  #leave(): void {
    this.#try++
    this.#eager = false
    this.#retry.clear()
    this.#renewal.clear()
    this.#connection?.drop()
    this.#connection = undefined
    this.#on.closed()
  }

  #gone(code: number, reason: string, final = STOP.has(code) || (code === UNAUTHENTICATED && !this.#tokens.renewable)): void {
    this.#leave()
    this.lastClose = { code, reason, final }
    if (final) return this.stop()
    if (code === UNAUTHENTICATED) this.#tokens.spoil()
    const named = retryAfter(reason)
    this.#eager = named === undefined
    this.#retry.set(named ?? backoff(this.#failures++), () => void this.#open())
    this.#enter("reconnecting")
  }
}

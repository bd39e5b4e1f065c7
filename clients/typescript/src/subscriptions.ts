/** The channels of a client: their handlers, what was requested from the server, and the positions reached. No IO. */

import { BroadcastError } from "./errors.js"
import type { Unsubscribe } from "./listeners.js"
import { isDevelopment } from "./options.js"
import {
  AUTH_ID,
  hasMissingPart,
  isChannel,
  isSamePosition,
  perFrame,
  type BroadcastEvent,
  type ClientFrame,
  type Position,
  type Refusal,
  type ServerFrame,
  type Subscribed,
} from "./protocol.js"
import { Subscription } from "./subscription.js"

const TOO_MANY = "too_many_channels"
const MOST_UNANSWERED = 1_000 // a server that never replies leaves all frames unanswered

type Handler = (event: BroadcastEvent) => unknown

export interface SubscriptionEvents {
  /** `frames()` may return something new. */
  changed(): void
  /** The server refused for a temporary reason: call `frames()` again after a delay that grows with `failures`. If it names the
   * delay, in milliseconds, it accepts nothing before that. */
  retry(failures: number, delay?: number): void
  /** The server has acknowledged the channel for the first time, or for the first time since it ended. */
  /** Whether somebody wants to know for how long channels were quiet. */
  asksQuiet?(): boolean
  joined(channel: string, quiet?: number): void
  /** Events of the channel may have been missed. */
  reset(channel: string): void
  failed(error: BroadcastError): void
}

export class Subscriptions {
  readonly #all = new Map<string, Subscription>()
  readonly on: SubscriptionEvents
  #limit: number
  #open = false
  #lastId = 0
  #failures = 0
  /** Whether the server has ever replied. */
  #serverReplies = false
  /** Channels unsubscribed on this connection: their events are late ones, until a reply says that they are held again. */
  readonly #unsubscribed = new Set<string>()
  /** Unsubscribe and refresh frames that have no reply yet, by id. */
  readonly #unanswered = new Map<unknown, { unsubscribe?: string[]; refresh?: string[] }>()
  /** Channels whose unsubscribe frame was refused: the server still holds them. */
  readonly #stillHeld = new Set<string>()

  constructor(on: SubscriptionEvents, limit: number) {
    this.on = on
    this.#limit = limit
  }

  add(channel: string, handler: Handler): Unsubscribe {
    checkChannel(channel)
    const subscription = this.#all.get(channel) ?? new Subscription()
    const remove = subscription.listeners.add(handler)
    this.#all.set(channel, subscription)
    subscription.error = undefined
    this.on.changed()
    return () => {
      remove()
      this.on.changed()
    }
  }

  /** Whether `joined` was called for the channel, and it has had a handler ever since. */
  isJoined(channel: string): boolean {
    return this.#all.get(channel)?.joined ?? false
  }

  /** Resolves once the server has acknowledged the channel. Rejects with a BroadcastError if the server refuses it. */
  ready(channel: string): Promise<void> {
    const subscription = this.#all.get(channel)
    if (!subscription) return Promise.reject(new BroadcastError("unsubscribed", `${channel} has no handler`, channel))
    if (subscription.delivering) return Promise.resolve()
    if (subscription.error) return Promise.reject(subscription.error)
    return subscription.ready()
  }

  get(channel: string): Subscription | undefined {
    return this.#all.get(channel)
  }

  /** Asks for a new snapshot, once events of the channel are delivered. */
  refresh(channel: string): void {
    const subscription = this.#all.get(channel)
    if (!subscription) return this.on.failed(new BroadcastError("unsubscribed", `${channel} has no handler`, channel))
    subscription.refresh = true
    this.on.changed()
  }

  // -- the connection

  opened(): void {
    this.closed()
    this.#open = true
    for (const one of this.#all.values()) if (one.error?.code !== "ended") one.error = undefined
  }

  closed(): void {
    this.#open = false
    this.#unsubscribed.clear()
    this.#unanswered.clear()
    this.#stillHeld.clear()
    for (const one of this.#all.values()) {
      one.markIdle()
      one.maybeHeld = false
    }
  }

  /** The client does not reconnect: rejects every pending `ready`. */
  reject(error: BroadcastError): void {
    for (const one of this.#all.values()) one.reject(error)
  }

  /** The server never replies: events are delivered as they come, and every break is reported as a reset. */
  assumeJoined(): void {
    for (const [channel, one] of this.#all) if (one.stage === "requested") this.#started(channel, one)
  }

  // -- frames to send

  /** The frames that bring the server from what was requested to what is wanted now. They count as sent. */
  frames(): ClientFrame[] {
    const left = this.#leave()
    if (!this.#open) return []
    const wanted = this.#request()
    return [
      ...perFrame(left).map((unsubscribe) => this.#withId({ unsubscribe })),
      ...perFrame(wanted).map((subscribe) => this.#subscribe(subscribe)),
      ...perFrame(this.#refreshes()).map((refresh) => this.#withId({ refresh })),
    ]
  }

  #withId<Frame extends { unsubscribe: string[] } | { refresh: string[] }>(frame: Frame): Frame & { id: number } {
    const id = ++this.#lastId
    if (this.#unanswered.size < MOST_UNANSWERED) this.#unanswered.set(id, frame)
    return { ...frame, id }
  }

  #leave(): string[] {
    const left = [...this.#stillHeld].filter((channel) => (this.#all.get(channel)?.stage ?? "idle") === "idle")
    this.#stillHeld.clear()
    for (const [channel, subscription] of this.#all) {
      const wanted = subscription.listeners.size > 0
      const held = subscription.stage !== "idle" || subscription.maybeHeld
      if (held && (!wanted || subscription.stage === "gap")) {
        left.push(channel)
        this.#unsubscribed.add(channel)
        subscription.markIdle()
      }
      if (!wanted) {
        this.#all.delete(channel)
        subscription.reject(new BroadcastError("unsubscribed", `${channel} has no handler`, channel))
      }
    }
    return left
  }

  #request(): string[] {
    const wanted: string[] = []
    let room = this.#limit - this.#held()
    for (const [channel, subscription] of this.#all) {
      if (subscription.stage !== "idle" || (subscription.error && subscription.error.code !== TOO_MANY)) continue
      if (room-- > 0) {
        subscription.error = undefined
        wanted.push(channel)
      } else if (!subscription.error) {
        this.#refuse(subscription, new BroadcastError(TOO_MANY, `${this.#limit} channels held`, channel))
      }
    }
    return wanted
  }

  #refreshes(): string[] {
    const channels: string[] = []
    for (const [channel, subscription] of this.#all) {
      if (!subscription.refresh || !subscription.delivering) continue
      subscription.refresh = false
      channels.push(channel)
    }
    return channels
  }

  #held(): number {
    let held = 0
    for (const { stage } of this.#all.values()) if (stage !== "idle") held++
    return held
  }

  #subscribe(subscribe: string[]): ClientFrame {
    const id = ++this.#lastId
    const since: [string, Position][] = []
    for (const channel of subscribe) {
      const subscription = this.#all.get(channel)!
      subscription.stage = "requested"
      subscription.requestId = id
      if (subscription.position) since.push([channel, subscription.position])
    }
    return { subscribe, ...(since.length > 0 && { since: Object.fromEntries(since) }), ...(this.on.asksQuiet?.() && { quiet: true }), id }
  }

  // -- frames received

  receive(frame: ServerFrame): void {
    if ("channel" in frame) this.#event(frame)
    else if ("subscribed" in frame) this.#subscribed(frame.id, frame.subscribed)
    else if ("reset" in frame) this.#reset(frame.reset)
    else if ("error" in frame) this.#error(frame)
    else if (frame.id !== undefined) this.#unanswered.delete(frame.id)
    else if ("unsubscribed" in frame) this.#ended(frame.unsubscribed)
  }

  /** Delivers an event of another tab. It has no offset, and does not move the position. */
  deliverLocal(event: BroadcastEvent): void {
    this.#all.get(event.channel)?.listeners.call(event)
  }

  #event(event: BroadcastEvent): void {
    const subscription = this.#all.get(event.channel)
    if (!subscription || (this.#serverReplies && this.#unsubscribed.has(event.channel))) return
    const { offset } = event
    if (!subscription.position) this.#eventBeforeReply(subscription, event)
    else if (offset === undefined) event = { ...event, ephemeral: true }
    else {
      const result = subscription.accept(event.event, offset)
      if (result === "gap") this.on.changed()
      if (result === "gap" || result === "duplicate") return
      if (result === "skipped") this.on.reset(event.channel)
    }
    subscription.listeners.call(event)
  }

  /** The server put the client on the channel unasked, or it never replies. */
  #eventBeforeReply(subscription: Subscription, { channel, event, offset }: BroadcastEvent): void {
    if (offset === undefined && this.#serverReplies) return
    const before = subscription.offsetBeforeReply
    subscription.offsetBeforeReply = offset
    this.#started(channel, subscription)
    if (before !== undefined && event !== "snapshot" && offset !== before + 1) this.on.reset(channel)
  }

  #subscribed(id: unknown, positions: Subscribed["subscribed"]): void {
    this.#serverReplies = true
    for (const [channel, { epoch, offset, recovered, quiet }] of Object.entries(positions)) {
      const subscription = this.#all.get(channel)
      if (subscription?.stage !== "requested" || subscription.requestId !== id) continue
      const unmoved = isSamePosition(subscription.position, { epoch, offset })
      subscription.stage = "live"
      subscription.maybeHeld = false
      subscription.position = { epoch, offset }
      this.#failures = 0
      this.#unsubscribed.delete(channel)
      const early = subscription.delivering
      subscription.resetReported = recovered === false // report it now: the connection may break before the reset frame
      this.#started(channel, subscription, recovered ?? unmoved, quiet)
      if (early && subscription.offsetBeforeReply !== offset) this.on.reset(channel)
    }
  }

  /** Events are delivered on this connection from now on. */
  #started(channel: string, subscription: Subscription, continuous = false, quiet?: number): void {
    if (subscription.delivering) return
    const first = !subscription.joined
    subscription.delivering = subscription.joined = true
    subscription.resolve()
    if (subscription.refresh) this.on.changed()
    if (first) this.on.joined(channel, quiet)
    else if (!continuous) this.on.reset(channel)
  }

  #reset(positions: Record<string, Position>): void {
    for (const [channel, position] of Object.entries(positions)) {
      const subscription = this.#all.get(channel)
      if (subscription?.stage !== "live" && subscription?.stage !== "gap") continue
      const reported = subscription.resetReported && isSamePosition(subscription.position, position)
      subscription.resetReported = false
      subscription.position = position
      if (!reported) this.on.reset(channel)
    }
  }

  #ended(channels: string[]): void {
    for (const channel of channels) {
      const subscription = this.#all.get(channel)
      if (!subscription) continue
      if (subscription.stage === "requested") {
        subscription.markIdle() // whether it ended before or after the subscribe is unknown: request it again
        subscription.maybeHeld = true
        this.#unsubscribed.add(channel)
        this.on.changed()
      } else if (subscription.stage !== "idle") {
        subscription.position = undefined
        subscription.joined = false
        this.#refuse(subscription, new BroadcastError("ended", `${channel} has ended`, channel))
      }
    }
  }

  #error({ id, error: { code, message, channel, retry_after } }: Refusal): void {
    const error = new BroadcastError(code, message, channel)
    const refused = this.#refused(id, channel)
    if (error.temporary) this.#restore(id)
    if (code === TOO_MANY) this.#limit = this.#held() - refused.length + (refused.length >> 1)
    for (const [name, subscription] of refused) {
      subscription.markIdle()
      if (!error.temporary && code !== TOO_MANY) this.#refuse(subscription, new BroadcastError(code, message, name), false)
    }
    if (retry_after !== undefined) this.on.retry(this.#failures++, retry_after * 1_000)
    else if (error.temporary && id !== undefined) this.on.retry(this.#failures++)
    else if (refused.length > 0) this.on.changed() // there may be room for other channels
    this.on.failed(error)
  }

  /** The subscriptions that an error refuses: those of the frame with that id, or the one of the named channel alone. */
  #refused(id: unknown, channel: string | undefined): [string, Subscription][] {
    return [...this.#all].filter(([name, { stage, requestId }]) => {
      if (channel !== undefined && name !== channel) return false
      return (stage === "requested" && requestId === id) || (channel !== undefined && id === AUTH_ID)
    })
  }

  /** Makes the next `frames()` send an unsubscribe or refresh frame again. */
  #restore(id: unknown): void {
    const frame = this.#unanswered.get(id)
    this.#unanswered.delete(id)
    for (const channel of frame?.unsubscribe ?? []) this.#stillHeld.add(channel)
    for (const channel of frame?.refresh ?? []) {
      const subscription = this.#all.get(channel)
      if (subscription) subscription.refresh = true
    }
  }

  #refuse(subscription: Subscription, error: BroadcastError, report = true): void {
    subscription.markIdle()
    subscription.error = error
    subscription.reject(error)
    if (report) this.on.failed(error)
  }
}

/** Throws a BroadcastError if the name is invalid; in development also if a part of it is missing. */
export function checkChannel(channel: unknown): asserts channel is string {
  if (!isChannel(channel)) throw new BroadcastError("invalid_channel", `not a channel name: ${JSON.stringify(channel)}`, String(channel))
  if (isDevelopment() && hasMissingPart(channel)) {
    throw new BroadcastError("invalid_channel", `a part of the channel name ${channel} is missing`, channel)
  }
}

/** The channels of a client: who listens, what the server was asked, and the position reached. No IO. */

import { Entry } from "./entry.js"
import { BroadcastError } from "./errors.js"
import type { Unsubscribe } from "./listeners.js"
import {
  AUTH,
  inFrames,
  isChannel,
  isSame,
  type BroadcastEvent,
  type ClientFrame,
  type Position,
  type Refusal,
  type ServerFrame,
} from "./protocol.js"

const TOO_MANY = "too_many_channels"
const PASSING = new Set(["unavailable", "rate_limited", "internal"])

type Handler = (event: BroadcastEvent) => unknown

export interface Signals {
  /** `frames()` may have something new to say. */
  changed(): void
  /** The server cannot carry it out now; ask for `frames()` again after a while that grows with `failures`. */
  retry(failures: number): void
  /** The server has acknowledged the channel for the first time, or for the first time since it ended. */
  joined(channel: string): void
  /** Events of the channel may have been missed. */
  reset(channel: string): void
  failed(error: BroadcastError): void
}

export class Subscriptions {
  readonly #entries = new Map<string, Entry>()
  readonly #signals: Signals
  #limit: number
  #open = false
  #ids = 0
  #failures = 0
  /** Whether the server is one that replies. */
  #answers = false
  /** Channels that were left on this connection: until a reply says that they are held again, their events are old ones. */
  readonly #left = new Set<string>()

  constructor(signals: Signals, limit: number) {
    this.#signals = signals
    this.#limit = limit
  }

  add(channel: string, handler: Handler): Unsubscribe {
    if (!isChannel(channel)) {
      throw new BroadcastError("invalid_channel", `not a channel's name: ${JSON.stringify(channel)}`, channel)
    }
    const entry = this.#entries.get(channel) ?? new Entry()
    this.#entries.set(channel, entry)
    entry.error = undefined
    const remove = entry.listeners.add(handler)
    this.#signals.changed()
    return () => {
      remove()
      this.#signals.changed()
    }
  }

  /** Whether `joined` was told, and the channel has had a handler ever since. */
  isJoined(channel: string): boolean {
    return this.#entries.get(channel)?.live ?? false
  }

  /** Resolves once the server has acknowledged the channel; rejects with a BroadcastError where it refuses. */
  ready(channel: string): Promise<void> {
    const entry = this.#entries.get(channel)
    if (!entry) return Promise.reject(new BroadcastError("unsubscribed", `nobody is subscribed to ${channel}`, channel))
    if (entry.entered) return Promise.resolve()
    if (entry.error) return Promise.reject(entry.error)
    return entry.wait()
  }

  // -- the connection

  opened(): void {
    this.closed()
    this.#open = true
    for (const entry of this.#entries.values()) if (entry.error?.code !== "ended") entry.error = undefined
  }

  closed(): void {
    this.#open = false
    this.#left.clear()
    for (const entry of this.#entries.values()) entry.off()
  }

  /** Nobody will ask any more: whoever waits is told. */
  reject(error: BroadcastError): void {
    for (const entry of this.#entries.values()) entry.reject(error)
  }

  /** The server answers nothing, ever: events are taken as they come, and what a break cost cannot be known. */
  settle(): void {
    for (const [channel, entry] of this.#entries) if (entry.stage === "asked") this.#enter(channel, entry)
  }

  // -- what to say

  /** What brings the server from what it was asked to what is wanted now; taken as sent. */
  frames(): ClientFrame[] {
    const left = this.#leave()
    if (!this.#open) return []
    const joined = this.#join()
    return [
      ...inFrames(left).map((unsubscribe) => ({ unsubscribe })),
      ...inFrames(joined).map((subscribe) => this.#subscribe(subscribe)),
    ]
  }

  #leave(): string[] {
    const left: string[] = []
    for (const [channel, entry] of this.#entries) {
      const wanted = entry.listeners.size > 0
      if (entry.stage !== "off" && (!wanted || entry.stage === "lost")) {
        left.push(channel)
        this.#left.add(channel)
        entry.off()
      }
      if (!wanted) {
        this.#entries.delete(channel)
        entry.reject(new BroadcastError("unsubscribed", `${channel} was unsubscribed`, channel))
      }
    }
    return left
  }

  #join(): string[] {
    const joined: string[] = []
    let room = this.#limit - this.#held()
    for (const [channel, entry] of this.#entries) {
      if (entry.stage !== "off" || (entry.error && entry.error.code !== TOO_MANY)) continue
      if (room-- > 0) {
        entry.error = undefined
        joined.push(channel)
      } else if (!entry.error) {
        this.#refuse(entry, new BroadcastError(TOO_MANY, `a connection holds ${this.#limit} channels`, channel))
      }
    }
    return joined
  }

  #held(): number {
    let held = 0
    for (const { stage } of this.#entries.values()) if (stage !== "off") held++
    return held
  }

  #subscribe(subscribe: string[]): ClientFrame {
    const id = ++this.#ids
    const since: [string, Position][] = []
    for (const channel of subscribe) {
      const entry = this.#entries.get(channel)!
      entry.stage = "asked"
      entry.ask = id
      if (entry.position) since.push([channel, entry.position])
    }
    return { subscribe, ...(since.length > 0 && { since: Object.fromEntries(since) }), id }
  }

  // -- what was said

  receive(frame: ServerFrame): void {
    if ("channel" in frame) this.#event(frame)
    else if ("subscribed" in frame) this.#subscribed(frame.id, frame.subscribed)
    else if ("reset" in frame) this.#reset(frame.reset)
    else if ("error" in frame) this.#error(frame)
    else if ("unsubscribed" in frame && frame.id === undefined) this.#ended(frame.unsubscribed)
  }

  /** An event of another tab: it has no place in the order. */
  local(event: BroadcastEvent): void {
    this.#entries.get(event.channel)?.listeners.call(event)
  }

  #event(event: BroadcastEvent & { offset: number }): void {
    const entry = this.#entries.get(event.channel)
    if (!entry || (this.#answers && this.#left.has(event.channel))) return
    if (!entry.position) this.#early(entry, event)
    else {
      const found = entry.take(event)
      if (found === "gap") this.#signals.changed()
      if (found === "gap" || found === "repeat") return
      if (found === "jump") this.#signals.reset(event.channel)
    }
    entry.listeners.call(event)
  }

  /** Of a server that put the client on the channel of itself, or that never replies. */
  #early(entry: Entry, { channel, event, offset }: BroadcastEvent & { offset: number }): void {
    const { heard } = entry
    entry.heard = offset
    this.#enter(channel, entry)
    if (heard !== undefined && event !== "snapshot" && offset !== heard + 1) this.#signals.reset(channel)
  }

  #subscribed(id: unknown, places: Record<string, Position & { recovered?: boolean }>): void {
    this.#answers = true
    for (const [channel, { epoch, offset, recovered }] of Object.entries(places)) {
      const entry = this.#entries.get(channel)
      if (entry?.stage !== "asked" || entry.ask !== id) continue
      const unmoved = isSame(entry.position, { epoch, offset })
      entry.stage = "on"
      entry.position = { epoch, offset }
      this.#failures = 0
      this.#left.delete(channel)
      const early = entry.entered
      entry.told = recovered === false // told now: the connection may break before the reset frame
      this.#enter(channel, entry, recovered ?? unmoved)
      if (early && entry.heard !== offset) this.#signals.reset(channel)
    }
  }

  /** Events flow on this connection. */
  #enter(channel: string, entry: Entry, continuous = false): void {
    if (entry.entered) return
    const first = !entry.live
    entry.entered = entry.live = true
    entry.resolve()
    if (first) this.#signals.joined(channel)
    else if (!continuous) this.#signals.reset(channel)
  }

  #reset(positions: Record<string, Position>): void {
    for (const [channel, position] of Object.entries(positions)) {
      const entry = this.#entries.get(channel)
      if (entry?.stage !== "on" && entry?.stage !== "lost") continue
      const told = entry.told && isSame(entry.position, position)
      entry.told = false
      entry.position = position
      if (!told) this.#signals.reset(channel)
    }
  }

  #ended(channels: string[]): void {
    for (const channel of channels) {
      const entry = this.#entries.get(channel)
      if (!entry) continue
      if (entry.stage === "asked") {
        entry.off() // it ended before the subscribe or behind it: another one tells
        this.#left.add(channel)
        this.#signals.changed()
      } else if (entry.stage !== "off") {
        entry.position = undefined
        entry.live = false
        this.#refuse(entry, new BroadcastError("ended", `${channel} has ended`, channel))
      }
    }
  }

  #error({ id, error: { code, message, channel } }: Refusal): void {
    const error = new BroadcastError(code, message, channel)
    const refused = [...this.#entries].filter(([name, { stage, ask }]) =>
      channel !== undefined && id === AUTH ? name === channel : stage === "asked" && ask === id && (channel ?? name) === name,
    )
    if (code === TOO_MANY) this.#limit = this.#held() - refused.length + (refused.length >> 1)
    for (const [name, entry] of refused) {
      entry.off()
      if (!PASSING.has(code) && code !== TOO_MANY) this.#refuse(entry, new BroadcastError(code, message, name), false)
    }
    if (refused.length > 0 && code === TOO_MANY) this.#signals.changed()
    else if (refused.length > 0 && PASSING.has(code)) this.#signals.retry(this.#failures++)
    this.#signals.failed(error)
  }

  #refuse(entry: Entry, error: BroadcastError, tell = true): void {
    entry.off()
    entry.error = error
    entry.reject(error)
    if (tell) this.#signals.failed(error)
  }
}

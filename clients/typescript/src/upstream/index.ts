/** What a client says: commands, its own state, and who else is there. The core loads it when it is first needed. */

import type { BroadcastError, Unsubscribe } from "@pattern-stack/broadcast"
import { isTemporary } from "../errors.js"
import { Listeners } from "../listeners.js"
import { isChannel, type ClientFrame, type Refusal, type ServerFrame } from "../protocol.js"
import { Commands, type CommandFrame, type Readiness } from "./commands.js"
import { Members, type Member } from "./members.js"
import type { SubscriptionEvents, Subscriptions } from "../subscriptions.js"
import { States, type State } from "./states.js"

export type { Member } from "./members.js"

interface Watched {
  members: Members
  listeners: Listeners<[members: readonly Member[]]>
  /** The id of the frame that asks for the members. */
  asked?: string | undefined
  unsubscribe: Unsubscribe
}

export class Upstream {
  readonly #on: SubscriptionEvents
  readonly #subscriptions: Subscriptions
  readonly #ended: () => BroadcastError | undefined
  readonly #error: typeof BroadcastError
  readonly #commands: Commands
  readonly #states = new States()
  readonly #watched = new Map<string, Watched>()
  #lastId = 0
  #failures = 0

  /** `ended` says why the client does not connect any more. `error` is the class that the application imports. */
  constructor(subscriptions: Subscriptions, ended: () => BroadcastError | undefined, error: typeof BroadcastError) {
    this.#on = subscriptions.on
    this.#subscriptions = subscriptions
    this.#ended = ended
    this.#error = error
    this.#commands = new Commands(error)
  }

  /** Resolves with the result of a command. The frame is JSON, without an id and perhaps without a key. */
  send(frame: string): Promise<unknown> {
    const parsed = JSON.parse(frame) as Omit<CommandFrame, "id" | "key">
    const result = this.#commands.add({ key: randomKey(), ...parsed, id: this.#id() })
    this.#on.changed()
    return result
  }

  /** The state is JSON: an object or null. */
  setState(channel: string, state: string): void {
    const fault = faultOfState(channel, state)
    if (fault) return this.#on.failed(new this.#error(...fault, String(channel)))
    this.#states.set(channel, JSON.parse(state) as State | null)
    this.#on.changed()
  }

  members(channel: string): readonly Member[] {
    return this.#watched.get(channel)?.members.list ?? []
  }

  /** Calls the handler with the members, at once if they are known, and whenever they change. */
  watch(channel: string, handler: (members: readonly Member[]) => void): Unsubscribe {
    const watched = this.#watched.get(channel) ?? this.#begin(channel)
    const remove = watched.listeners.add(handler)
    return () => {
      remove()
      if (watched.listeners.size > 0 || this.#watched.get(channel) !== watched) return
      this.#watched.delete(channel)
      watched.unsubscribe()
    }
  }

  #begin(channel: string): Watched {
    const members = new Members()
    const listeners = new Listeners<[readonly Member[]]>()
    const unsubscribe = this.#subscriptions.add(channel, (event) => {
      if (members.receive(event)) listeners.call(members.list)
      if (members.isUncertain) this.#on.changed()
    })
    const watched: Watched = { members, listeners, unsubscribe }
    this.#watched.set(channel, watched)
    return watched
  }

  // -- frames

  /** The frames to send now. They count as sent. */
  frames(): ClientFrame[] {
    const readiness = (channel: string): Readiness => this.#readiness(channel)
    for (const channel of this.#states.channels) if (readiness(channel) instanceof Error) this.#states.forget(channel)
    const state = this.#states.frame(this.#id(), readiness)
    return [...this.#commands.frames(readiness), ...(state ? [state] : []), ...this.#questions(readiness)]
  }

  #readiness(channel: string): Readiness {
    const subscription = this.#subscriptions.get(channel)
    const error = this.#ended() || subscription?.error
    if (error && error.code !== "too_many_channels") return error
    if (!subscription?.listeners.size) return new this.#error("not_subscribed", `${channel} has no handler`, channel)
    return subscription.stage === "live" && subscription.delivering ? "ready" : "waiting"
  }

  #questions(readiness: (channel: string) => Readiness): ClientFrame[] {
    const frames: ClientFrame[] = []
    for (const [channel, watched] of this.#watched) {
      if (!watched.members.isUncertain || watched.asked || readiness(channel) !== "ready") continue
      watched.asked = this.#id()
      watched.members.asked()
      frames.push({ presence: [channel], id: watched.asked })
    }
    return frames
  }

  #id(): string {
    return `u${++this.#lastId}`
  }

  /** False if the frame is no answer to one of these. */
  receive(frame: ServerFrame): boolean {
    if ("subscribed" in frame) this.#on.changed() // a channel may be ready now
    if ("reset" in frame) this.#reset(Object.keys(frame.reset))
    if (!("id" in frame) || typeof frame.id !== "string" || !/^u\d/.test(frame.id)) return false
    if ("error" in frame) this.#refused(frame.id, frame)
    else this.#accepted(frame.id, frame)
    return true
  }

  /** Events of the channels may have been missed. */
  #reset(channels: string[]): void {
    for (const channel of channels) this.#watched.get(channel)?.members.unanswered()
    this.#on.changed()
  }

  #accepted(id: string, frame: ServerFrame): void {
    this.#failures = 0
    if ("result" in frame) this.#commands.answer(id, frame)
    else if ("presence" in frame) this.#answered(id, frame.presence)
    else if (this.#states.isInFlight(id)) this.#states.answered(false)
    this.#on.changed()
  }

  #answered(id: string, presence: Record<string, { members: readonly unknown[] }>): void {
    for (const [channel, watched] of this.#watched) {
      if (watched.asked !== id) continue
      watched.asked = undefined
      watched.members.answered((presence[channel]?.members ?? []) as Member[])
      watched.listeners.call(watched.members.list)
    }
  }

  #refused(id: string, frame: Refusal): void {
    const { code, message, channel, retry_after } = frame.error
    const error = new this.#error(code, message, channel)
    const again = this.#commands.answer(id, frame) || this.#refusedState(id, error) || this.#refusedQuestion(id, error)
    if (!again) this.#on.changed()
    else this.#on.retry(this.#failures++, retry_after === undefined ? undefined : retry_after * 1_000)
  }

  #refusedState(id: string, error: BroadcastError): boolean {
    if (!this.#states.isInFlight(id)) return false
    const again = isTemporary(error.code)
    if (error.channel !== undefined && !again) this.#states.forget(error.channel) // the answer for the other channels follows
    else this.#states.answered(again)
    if (!again) this.#on.failed(error)
    return again
  }

  #refusedQuestion(id: string, error: BroadcastError): boolean {
    for (const watched of this.#watched.values()) {
      if (watched.asked !== id) continue
      watched.asked = undefined
      if (isTemporary(error.code)) {
        watched.members.unanswered()
        return true
      }
      this.#on.failed(error)
    }
    return false
  }

  // -- the connection

  closed(): void {
    this.#commands.closed()
    this.#states.closed()
    for (const watched of this.#watched.values()) {
      watched.asked = undefined
      watched.members.unanswered()
    }
  }
}

/** `crypto.randomUUID` is missing on pages served over plain HTTP; `getRandomValues` is not. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

const MOST_STATE_BYTES = 4_096

function faultOfState(channel: unknown, state: string | undefined): [code: string, message: string] | undefined {
  if (!isChannel(channel)) return ["invalid_channel", `not a channel name: ${JSON.stringify(channel)}`]
  if (state !== "null" && !state?.startsWith("{")) return ["invalid_message", "a state is an object, or null"]
  const size = new TextEncoder().encode(state).length
  return size > MOST_STATE_BYTES ? ["invalid_message", `a state has at most ${MOST_STATE_BYTES} bytes, not ${size}`] : undefined
}

import type { BroadcastError } from "./errors.js"
import { Listeners } from "./listeners.js"
import type { BroadcastEvent, Position } from "./protocol.js"

/** A channel's state on this connection. `gap`: an event is missing, and the channel has to be requested again. */
export type Stage = "idle" | "requested" | "live" | "gap"

/** One channel of a client, with all its handlers. */
export class Subscription {
  readonly listeners: Listeners<[BroadcastEvent]> = new Listeners()
  stage: Stage = "idle"
  /** The id of the subscribe frame whose reply counts. */
  requestId = 0
  /** The position of the last delivered event. Undefined until the server has replied once. */
  position: Position | undefined
  /** Whether events are delivered on this connection. */
  delivering = false
  /** The offset of the last event that came before the server's first reply. */
  offsetBeforeReply: number | undefined
  /** Whether events were ever delivered. */
  joined = false
  /** The reply already said what the reset frame that follows it says. */
  resetReported = false
  /** The channel ended while a subscribe frame was under way: the server may hold it again. */
  maybeHeld = false
  /** Whether to ask the server for a new snapshot. */
  refresh = false
  /** Why the channel is not requested for now. */
  error: BroadcastError | undefined
  /** The offset after which an event was missing. */
  #gapAfter: number | undefined
  #waiting: { resolve: () => void; reject: (error: BroadcastError) => void }[] = []

  /** Resolves once events are delivered. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  resolve(): void {
    for (const one of this.#waiting.splice(0)) one.resolve()
  }

  reject(error: BroadcastError): void {
    for (const one of this.#waiting.splice(0)) one.reject(error)
  }

  markIdle(): void {
    this.stage = "idle"
    this.delivering = this.resetReported = false
    this.offsetBeforeReply = undefined
  }

  /** Compares an event's offset with the position, and advances the position unless the event is a duplicate or the first
   * sight of a gap. A gap that is still there after the channel was requested again is `skipped`. While a reply is awaited
   * every event is a duplicate: the replay contains it. */
  accept(event: string, offset: number): "next" | "duplicate" | "gap" | "skipped" {
    const { epoch, offset: reached } = this.position!
    if (this.stage !== "live") return "duplicate"
    const snapshot = event === "snapshot"
    if (!snapshot && offset <= reached) return "duplicate"
    const missing = !snapshot && offset > reached + 1
    if (missing && this.#gapAfter !== reached) {
      this.#gapAfter = reached
      this.stage = "gap"
      return "gap"
    }
    this.position = { epoch, offset }
    return missing ? "skipped" : "next"
  }
}

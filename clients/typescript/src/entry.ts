import type { BroadcastError } from "./errors.js"
import { Listeners } from "./listeners.js"
import type { BroadcastEvent, Position } from "./protocol.js"

/** Where a channel stands on this connection. `lost`: an event is missing, and it has to be asked for again. */
export type Stage = "off" | "asked" | "on" | "lost"

/** One channel of a client. */
export class Entry {
  readonly listeners: Listeners<[BroadcastEvent]> = new Listeners()
  stage: Stage = "off"
  /** The id of the subscribe whose reply is awaited. */
  ask = 0
  /** The last event that was delivered, once the server has told where that is. */
  position: Position | undefined
  /** Whether events flow on this connection. */
  entered = false
  /** The last event that came before the server had told where it is. */
  heard: number | undefined
  /** Whether events ever flowed. */
  live = false
  /** Whether a reply has said already what the reset frame behind it will say. */
  told = false
  /** Why the server is not asked again for the time being. */
  error: BroadcastError | undefined
  /** The offset behind which an event was missing. */
  #gap: number | undefined
  #waiting: { resolve: () => void; reject: (error: BroadcastError) => void }[] = []

  /** Resolves once events flow. */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  resolve(): void {
    for (const one of this.#waiting.splice(0)) one.resolve()
  }

  reject(error: BroadcastError): void {
    for (const one of this.#waiting.splice(0)) one.reject(error)
  }

  off(): void {
    this.stage = "off"
    this.entered = this.told = false
    this.heard = undefined
  }

  /** What the event is, by its offset. `next` and `jump` move the position; a gap is a jump when it is there once more.
   * While a reply is awaited everything is a repeat: the replay brings it again. */
  take({ event, offset }: BroadcastEvent & { offset: number }): "next" | "repeat" | "gap" | "jump" {
    const { epoch, offset: reached } = this.position!
    if (this.stage !== "on") return "repeat"
    const snapshot = event === "snapshot"
    if (!snapshot && offset <= reached) return "repeat"
    const missing = !snapshot && offset > reached + 1
    if (missing && this.#gap !== reached) {
      this.#gap = reached
      this.stage = "lost"
      return "gap"
    }
    this.position = { epoch, offset }
    return missing ? "jump" : "next"
  }
}

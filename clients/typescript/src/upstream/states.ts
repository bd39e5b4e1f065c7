/** What this client shows of itself on channels with presence. No IO. */

import type { Readiness } from "./commands.js"

export type State = Record<string, unknown>

/** The newest state of each channel. One frame is under way at a time: states that change meanwhile are sent together, each once. */
export class States {
  readonly #wanted = new Map<string, State | null>()
  /** Channels whose state the server does not have yet. */
  readonly #unsent = new Set<string>()
  #inFlight: { id: string; channels: string[] } | undefined

  set(channel: string, state: State | null): void {
    this.#wanted.set(channel, state)
    this.#unsent.add(channel)
  }

  /** The channels that have a state or are to lose theirs. */
  get channels(): string[] {
    return [...this.#wanted.keys()]
  }

  /** The client has left the channel: the server has dropped its state. */
  forget(channel: string): void {
    this.#wanted.delete(channel)
    this.#unsent.delete(channel)
  }

  /** The frame that brings the server from what it has to what is wanted; undefined if there is none, or one is under way. */
  frame(id: string, readiness: (channel: string) => Readiness): { state: Record<string, State | null>; id: string } | undefined {
    if (this.#inFlight) return undefined
    const channels = [...this.#unsent].filter((channel) => readiness(channel) === "ready")
    if (channels.length === 0) return undefined
    this.#inFlight = { id, channels }
    for (const channel of channels) this.#unsent.delete(channel)
    return { state: Object.fromEntries(channels.map((channel) => [channel, this.#wanted.get(channel) ?? null])), id }
  }

  isInFlight(id: unknown): boolean {
    return this.#inFlight?.id === id
  }

  /** The server has answered. `again`: it took nothing, for a temporary reason. */
  answered(again: boolean): void {
    for (const channel of this.#inFlight?.channels ?? []) {
      if (again) this.#unsent.add(channel)
      else if (this.#wanted.get(channel) === null && !this.#unsent.has(channel)) this.#wanted.delete(channel)
    }
    this.#inFlight = undefined
  }

  /** The connection is lost, and the server has dropped every state. */
  closed(): void {
    this.#inFlight = undefined
    this.#unsent.clear()
    for (const [channel, state] of this.#wanted) {
      if (state === null) this.#wanted.delete(channel)
      else this.#unsent.add(channel)
    }
  }
}

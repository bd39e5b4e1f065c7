/** Commands to the application: sent in order, and again until they are answered. No IO. */

import type { BroadcastError } from "@pattern-stack/broadcast"
import { isChannel, type Refusal } from "../protocol.js"

const MOST_WAITING = 1_000
const MOST_BYTES = 65_536 // of a frame; a server closes the connection for a longer one
const TEMPORARY = new Set(["unavailable", "rate_limited"])

export interface CommandFrame {
  send: string
  event: string
  payload: Record<string, unknown>
  key: string
  id: string
}

interface Command {
  frame: CommandFrame
  isSent: boolean
  resolve: (result: unknown) => void
  reject: (error: BroadcastError) => void
}

/** Whether a channel can take commands now: `waiting` until the server has acknowledged it, or the error that it was refused with. */
export type Readiness = "ready" | "waiting" | BroadcastError

/** The commands that have no answer yet. A channel's commands are carried out in the order of `add`: the next one is sent when the
 * one before it is answered. The key makes sending again safe. */
export class Commands {
  readonly #error: typeof BroadcastError
  readonly #channels = new Map<string, Command[]>()
  #size = 0

  constructor(error: typeof BroadcastError) {
    this.#error = error
  }

  /** Resolves with the result. Rejects with a BroadcastError if the application refuses, or the frame is invalid. */
  add(frame: CommandFrame): Promise<unknown> {
    const fault = this.#fault(frame)
    if (fault) return Promise.reject(new this.#error(...fault, String(frame.send)))
    const queue = this.#channels.get(frame.send) ?? []
    this.#channels.set(frame.send, queue)
    this.#size++
    return new Promise((resolve, reject) => queue.push({ frame, isSent: false, resolve, reject }))
  }

  #fault(frame: CommandFrame): [code: string, message: string] | undefined {
    const { send, event, payload, key } = frame
    if (!isChannel(send)) return ["invalid_channel", `not a channel name: ${JSON.stringify(send)}`]
    if (typeof event !== "string" || !event) return ["unknown_event", `a command has a name, not ${event}`]
    if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return ["invalid_payload", "a payload is an object"]
    if (typeof key !== "string" || !/^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u.test(key)) return ["invalid_message", "a key is 1 to 64 printable characters"]
    const size = new TextEncoder().encode(JSON.stringify(frame)).length
    if (size > MOST_BYTES) return ["invalid_payload", `the command has ${size} bytes, more than ${MOST_BYTES}`]
    if (this.#size >= MOST_WAITING) return ["rate_limited", `${MOST_WAITING} commands wait for answers`]
    return undefined
  }

  /** What can be sent now. It counts as sent. */
  frames(readiness: (channel: string) => Readiness): CommandFrame[] {
    const frames: CommandFrame[] = []
    for (const [channel, [first]] of this.#channels) {
      const state = readiness(channel)
      if (state instanceof Error) this.#rejectAll(channel, state)
      else if (state === "ready" && first && !first.isSent) {
        first.isSent = true
        frames.push(first.frame)
      }
    }
    return frames
  }

  /** The answer to a command. True if it has to be sent again later. */
  answer(id: string, answer: { result: unknown } | Refusal): boolean {
    const command = this.#find(id)
    if (!command) return false
    if ("error" in answer && TEMPORARY.has(answer.error.code)) {
      command.isSent = false
      return true
    }
    this.#remove(command.frame.send)
    if ("error" in answer) command.reject(new this.#error(answer.error.code, answer.error.message, command.frame.send))
    else command.resolve(answer.result)
    return false
  }

  /** The connection is lost: what has no answer is sent again on the next one. */
  closed(): void {
    for (const queue of this.#channels.values()) for (const command of queue) command.isSent = false
  }

  #find(id: string): Command | undefined {
    for (const [first] of this.#channels.values()) if (first?.isSent && first.frame.id === id) return first
    return undefined
  }

  #remove(channel: string): void {
    const queue = this.#channels.get(channel)!
    queue.shift()
    this.#size--
    if (queue.length === 0) this.#channels.delete(channel)
  }

  #rejectAll(channel: string, error: BroadcastError): void {
    const queue = this.#channels.get(channel) ?? []
    this.#channels.delete(channel)
    this.#size -= queue.length
    for (const command of queue) command.reject(error)
  }
}

/** The Subscriptions of one client without IO, and a log of what they deliver and report. */

import { beforeEach } from "vitest"
import type { BroadcastEvent, ClientFrame } from "../../src/protocol.js"
import { Subscriptions } from "../../src/subscriptions.js"
import { serverFrame } from "./frames.js"

export let subscriptions: Subscriptions
/** Offsets of delivered events, and reports, in order. */
export let log: unknown[]

beforeEach(() => create())

/** Replaces the test's Subscriptions. `limit` is how many channels the connection may hold. */
export function create(limit = 128): void {
  log = []
  const on = {
    changed: () => {},
    retry: (failures: number, delay?: number) => log.push(["retry", failures, ...(delay === undefined ? [] : [delay])]),
    joined: () => {},
    reset: (channel: string) => log.push(["reset", channel]),
    failed: ({ code, channel }: { code: string; channel: string | undefined }) => log.push(["failed", code, channel]),
  }
  subscriptions = new Subscriptions(on, limit)
}

/** A handler that logs the event's offset, or its payload if it has no offset. */
export const record = (event: BroadcastEvent): unknown => log.push(event.offset ?? event.payload)
/** An event of the channel orders arrives. */
export const event = (offset: number, change: object = {}): void => subscriptions.receive(serverFrame("event", { offset, ...change }))
export const idOf = (frame: ClientFrame | undefined): unknown => frame?.id

/** Subscribes to orders; the server acknowledges it at (k3f9, 41). Returns unsubscribe. */
export function subscribe(): () => void {
  const unsubscribe = subscriptions.add("orders", record)
  subscriptions.opened()
  const [frame] = subscriptions.frames()
  subscriptions.receive(serverFrame("subscribed", { id: idOf(frame) }))
  return unsubscribe
}

/** The connection is lost and opened again. Returns the frames sent on the new one. */
export function reconnect(): ClientFrame[] {
  subscriptions.closed()
  subscriptions.opened()
  return subscriptions.frames()
}

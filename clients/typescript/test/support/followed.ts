/** The channels of one client, without IO, and what they tell it. */

import { beforeEach } from "vitest"
import type { BroadcastEvent, ClientFrame } from "../../src/protocol.js"
import { Subscriptions } from "../../src/subscriptions.js"
import { said } from "./golden.js"

export let subscriptions: Subscriptions
/** Offsets of events, and signals, in the order they came. */
export let told: unknown[]

beforeEach(() => create())

/** Those of the test, with room for so many channels. */
export function create(limit = 128): void {
  told = []
  const signals = {
    changed: () => {},
    retry: (failures: number) => told.push(["retry", failures]),
    joined: () => {},
    reset: (channel: string) => told.push(["reset", channel]),
    failed: ({ code, channel }: { code: string; channel: string | undefined }) => told.push(["failed", code, channel]),
  }
  subscriptions = new Subscriptions(signals, limit)
}

export const hear = (event: BroadcastEvent): unknown => told.push(event.offset ?? event.payload)
export const event = (offset: number, change: object = {}): void => subscriptions.receive(said("event", { offset, ...change }))
export const idOf = (frame: ClientFrame | undefined): unknown => frame?.id

/** On orders at (k3f9, 41). */
export function follow(): () => void {
  const leave = subscriptions.add("orders", hear)
  subscriptions.opened()
  const [frame] = subscriptions.frames()
  subscriptions.receive(said("subscribed", { id: idOf(frame) }))
  return leave
}

/** The connection breaks and comes back; what is said then. */
export function again(): ClientFrame[] {
  subscriptions.closed()
  subscriptions.opened()
  return subscriptions.frames()
}
